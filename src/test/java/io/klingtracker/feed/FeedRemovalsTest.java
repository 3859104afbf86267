package io.klingtracker.feed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who has missed events that are gone, and who has not. */
class FeedRemovalsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final FeedStore store = new FeedStore(jdbi);

  @BeforeEach
  void a_tenant_of_which_events_up_to_100_7_were_removed() {
    Rows.tenants(jdbi, "acme", "other");
    removed(5000, 100, 7);
  }

  private void removed(long removal, long position, long id) {
    jdbi.useHandle(
        h -> h.execute("insert into feed_removed values ('acme', ?, ?, ?)", removal, position, id));
  }

  private boolean missed(long position, long id, long known) {
    return store.removals("acme", new Bookmark(new Cursor(position, id), known)).missed();
  }

  @Test
  void a_cursor_before_the_last_that_was_removed_has_missed_it() {
    assertTrue(missed(0, 0, 0));
    assertTrue(missed(100, 6, 0));
    assertFalse(missed(100, 7, 0));
    assertFalse(missed(101, 1, 0));
    assertFalse(
        store.removals("other", new Bookmark(Cursor.START, 0)).missed(), "that is another's");
  }

  @Test
  void who_began_after_a_removal_misses_only_what_later_ones_take() {
    assertFalse(missed(10, 1, 5000));
    // Failed tasks are kept for a shorter time, say: they are removed far behind the reader's
    // place.
    removed(5001, 90, 1);
    assertTrue(missed(10, 1, 5000));
    assertFalse(missed(95, 1, 5000));
    assertEquals(5001, store.removals("acme", new Bookmark(Cursor.START, 0)).newest());
  }

  @Test
  void a_bookmark_is_read_as_it_is_written_and_as_versions_before_wrote_it() {
    Bookmark bookmark = new Bookmark(new Cursor(12, 7), 5000);
    assertEquals(bookmark, Bookmark.parse(bookmark.toString()));
    assertEquals("12-7", new Bookmark(new Cursor(12, 7), 0).toString());
    assertEquals(new Bookmark(new Cursor(12, 7), 0), Bookmark.parse("12-7"));
  }
}
