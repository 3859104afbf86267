package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestDatabase;
import java.time.Clock;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What was changed without a request, of which a start knows what was noted last. */
class AuditNotesTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final AuditLog audit = new AuditLog(DATABASE.jdbi(), Clock.systemUTC());

  @Test
  void a_state_is_noted_once_until_there_is_another() {
    assertFalse(note("none"));
    assertTrue(note("1a"));
    assertFalse(note("1a"));
    audit.noted("other", "/x", "2b: other");
    audit.begun(UUID.randomUUID(), "file", "", "PUT", "/x");
    assertFalse(note("1a"));
    assertTrue(note("2b"));
    assertTrue(note("1a"));
    assertTrue(note("none"));

    assertEquals(
        List.of("none: text", "1a: text", "2b: text", "1a: text"),
        audit.page(Long.MAX_VALUE, 10).stream()
            .filter(entry -> entry.actor().equals("file") && entry.method().equals("SET"))
            .map(AuditLog.Entry::detail)
            .toList());
  }

  @Test
  void what_was_noted_without_its_state_is_another() {
    audit.noted("old", "/x", "2026-11-29 to 2026-11-29+spring: prices[0]");

    assertTrue(audit.notedIfNew("old", "/x", "none", "none", "text"));
    assertFalse(audit.notedIfNew("old", "/x", "none", "none", "text"));
  }

  private boolean note(String state) {
    return audit.notedIfNew("file", "/x", state, "none", "text");
  }
}
