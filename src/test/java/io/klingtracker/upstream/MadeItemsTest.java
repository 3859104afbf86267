package io.klingtracker.upstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.NamedItem;
import io.klingtracker.catalog.NamedItem.Kind;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.TaskId;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class MadeItemsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final NamedItem VOICE = new NamedItem(Kind.VOICE, "829836802793406551");
  private static final NamedItem ELEMENT = new NamedItem(Kind.ELEMENT, "829836802793406552");
  private static final NamedItem UNKNOWN = new NamedItem(Kind.VOICE, "829836802793406559");
  private static final NamedItem STRANGE = new NamedItem(Kind.VOICE, "829836802793406560");
  private static final NamedItem SESSION = new NamedItem(Kind.SESSION, "878106242831892489");
  private static final NamedItem VIDEO = new NamedItem(Kind.VIDEO, "878106242831892488");
  private static final NamedItem SOUND = new NamedItem(Kind.AUDIO, "878106242831892490");
  private static final Set<String> NONE = Set.of();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final MadeItems made =
      new MadeItems(
          jdbi,
          Settings.of(
              KlingConfig.class,
              Map.of("kling.accounts.one.api-key", "a", "kling.accounts.two.api-key", "b")),
          clock);

  @BeforeEach
  void tenants() {
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into tenant (id, name, created_at) values ('acme', 'Acme', now()),"
                    + " ('other', 'Other', now())"));
  }

  @Test
  void what_is_his_leads_to_its_account_and_is_nobody_else_s() {
    made.remember("two", "acme", List.of(VOICE));

    assertEquals("two", made.account("acme", NONE, Set.of(VOICE)));
    assertRefused("no such voice of yours", "other", NONE, VOICE);
    // Not even where he may use what was made elsewhere.
    assertRefused("no such voice of yours", "other", Set.of("one", "two"), VOICE);
    assertNull(made.account("acme", NONE, Set.of()));
  }

  @Test
  void things_of_two_accounts_are_not_one_request() {
    made.remember("two", "acme", List.of(VOICE));
    made.remember("one", "acme", List.of(ELEMENT));

    assertRefused("different Kling accounts", "acme", NONE, VOICE, ELEMENT);
  }

  @Test
  void what_was_not_made_here_needs_an_account_that_is_granted() {
    assertRefused("no such voice of yours", "acme", NONE, UNKNOWN);
    assertEquals("two", made.account("acme", Set.of("two"), Set.of(UNKNOWN)));
    assertNull(made.account("acme", Set.of("one", "two"), Set.of(UNKNOWN)), "as it was always");

    made.remember("one", "acme", List.of(ELEMENT));
    assertEquals("one", made.account("acme", Set.of("one"), Set.of(UNKNOWN, ELEMENT)));
    assertRefused("no such", "acme", Set.of("two"), UNKNOWN, ELEMENT);
  }

  @Test
  void a_preset_is_everybody_s_on_every_account_and_nobody_s_to_delete() {
    made.remember("one", null, List.of(VOICE));
    NamedItem word = new NamedItem(Kind.VOICE, "genshin_vindi2");

    assertNull(made.account("other", NONE, Set.of(VOICE, word)));
    assertThrows(
        ProblemException.class, () -> made.accountToDelete("acme", Set.of("one"), Set.of(VOICE)));
    assertThrows(ProblemException.class, () -> made.accountToDelete("acme", NONE, Set.of(word)));
  }

  @Test
  void another_s_in_an_odd_spelling_is_refused_to_everybody() {
    made.remember("two", "acme", List.of(VOICE));
    for (String odd :
        List.of(
            " " + VOICE.id(), "+" + VOICE.id(), VOICE.id() + ".0", "0" + VOICE.id(), "a\u0000")) {
      NamedItem item = new NamedItem(Kind.VOICE, odd);
      assertRefused("must be a word or digits", "other", NONE, item);
      assertRefused("must be a word or digits", "other", Set.of("one", "two"), item);
      assertThrows(
          ProblemException.class,
          () -> made.accountToDelete("other", Set.of("one", "two"), Set.of(item)));
    }
  }

  @Test
  void what_kling_itself_spells_oddly_is_still_its_maker_s() {
    NamedItem odd = new NamedItem(Kind.SESSION, "3f2a-88");
    made.remember("two", "acme", List.of(odd));

    assertEquals("two", made.account("acme", NONE, Set.of(odd)));
    assertRefused("no such session of yours", "other", NONE, odd);
  }

  @Test
  void only_the_owner_deletes_and_what_names_nothing_deletes_nothing() {
    made.remember("two", "acme", List.of(VOICE));

    assertThrows(ProblemException.class, () -> made.accountToDelete("other", NONE, Set.of(VOICE)));
    assertThrows(ProblemException.class, () -> made.accountToDelete("acme", NONE, Set.of()));
    assertEquals("two", made.accountToDelete("acme", NONE, Set.of(VOICE)));
    made.forget("other", List.of(VOICE));
    assertEquals("two", made.account("acme", NONE, Set.of(VOICE)));
    made.forget("acme", List.of(VOICE));
    assertRefused("no such voice of yours", "acme", NONE, VOICE);
  }

  @Test
  void the_first_who_made_it_keeps_it() {
    made.remember("two", "acme", List.of(VOICE));
    made.remember("one", "other", List.of(VOICE));

    assertEquals("two", made.account("acme", NONE, Set.of(VOICE)));
  }

  @Test
  void what_kling_lists_as_its_own_is_nobody_s_whoever_it_was_noted_for() {
    made.remember("two", "acme", List.of(VOICE));
    assertRefused("no such voice of yours", "other", NONE, VOICE);

    made.remember("one", null, List.of(VOICE, ELEMENT, VOICE));

    assertNull(made.account("acme", NONE, Set.of(VOICE)));
    assertNull(made.account("other", NONE, Set.of(VOICE, ELEMENT)));
    assertThrows(ProblemException.class, () -> made.accountToDelete("acme", NONE, Set.of(VOICE)));
    // Whoever uses it later does not make it his.
    made.remember("two", "acme", List.of(VOICE));
    assertNull(made.account("other", NONE, Set.of(VOICE)));
  }

  @Test
  void sessions_are_forgotten_and_nothing_else() {
    made.remember("two", "acme", List.of(SESSION, VOICE));
    made.forgetOld();
    assertEquals("two", made.account("acme", NONE, Set.of(SESSION)));

    clock.advance(MadeItems.SESSION_LIFE.plusSeconds(1));
    made.forgetOld();

    assertRefused("no such session of yours", "acme", NONE, SESSION);
    assertEquals("two", made.account("acme", NONE, Set.of(VOICE)));
  }

  @Test
  void what_a_task_made_is_remembered_as_it_ends() {
    ends("custom-voices", false, "{\"voices\":[{\"voice_id\":\"%s\"}]}".formatted(VOICE.id()));
    ends(
        "advanced-custom-elements",
        false,
        "{\"elements\":[{\"element_id\":%s,\"element_voice_info\":{\"voice_id\":\"%s\"}}]}"
            .formatted(ELEMENT.id(), STRANGE.id()));
    ends("custom-voices", true, "{\"voices\":[{\"voice_id\":\"%s\"}]}".formatted(UNKNOWN.id()));
    // What the database cannot read costs the task nothing.
    ends("custom-voices", false, "{\"voices\":[{\"voice_id\":\"1\",\"voice_name\":\"\\u0000\"}]}");

    assertEquals("two", made.account("acme", NONE, Set.of(VOICE, ELEMENT)));
    assertRefused("no such voice", "acme", NONE, UNKNOWN);
    // An element's voice was given to it, and stays whose it is.
    assertRefused("no such voice", "acme", NONE, STRANGE);
  }

  @Test
  void a_grant_that_outlives_its_account_leads_nowhere() {
    assertEquals("two", made.account("acme", Set.of("gone", "two"), Set.of(UNKNOWN)));
  }

  @Test
  void a_video_is_for_the_tenant_whose_task_made_it_and_leads_to_its_account() {
    ends("text2video", false, "{\"videos\":[{\"id\":\"%s\",\"url\":\"u\"}]}".formatted(VIDEO.id()));
    ends("lip-sync", true, "{\"audios\":[{\"id\":\"%s\"}]}".formatted(SOUND.id()));

    assertEquals("two", made.account("acme", NONE, Set.of(VIDEO)));
    assertEquals("two", made.account("acme", NONE, Set.of(SOUND)));
    assertRefused(
        "video_id value '%s' is invalid: no such video of yours".formatted(VIDEO.id()),
        "other",
        NONE,
        VIDEO);
    assertRefused("no such audio of yours", "other", Set.of(), SOUND);
    assertRefused(
        "no such video of yours", "acme", NONE, new NamedItem(Kind.VIDEO, " " + VIDEO.id()));
    assertRefused("no such video of yours", "acme", NONE, new NamedItem(Kind.VIDEO, "a\u0000"));
    // What was not made here needs a grant, and is looked for there.
    assertEquals("one", made.account("other", Set.of("one"), Set.of(VIDEO)));
  }

  @Test
  void an_id_elsewhere_in_a_result_makes_nobody_its_maker() {
    ends(
        "custom-voices",
        false,
        "{\"voices\":[{\"voice_id\":\"1\",\"voice_name\":\"%s\"}],\"images\":[{\"id\":\"%1$s\"}]}"
            .formatted(VIDEO.id()));
    ends("text2video", false, "{\"left_out\":\"%s\"}".formatted(VIDEO.id()));

    assertRefused("no such video of yours", "acme", NONE, VIDEO);
  }

  @Test
  void a_video_is_looked_for_as_long_as_kling_keeps_it() {
    ends("text2video", false, "{\"videos\":[{\"id\":\"%s\"}]}".formatted(VIDEO.id()));
    clock.advance(Duration.ofDays(31));
    assertEquals("two", made.account("acme", NONE, Set.of(VIDEO)));

    clock.advance(Duration.ofDays(8));

    assertRefused("no such video of yours", "acme", NONE, VIDEO);
  }

  @Test
  void what_a_call_made_is_its_makers_and_forgotten_with_klings() {
    made.remember("two", "acme", List.of(SOUND, VOICE));

    assertEquals("two", made.account("acme", NONE, Set.of(SOUND)));
    assertRefused("no such audio of yours", "other", Set.of("one", "two"), SOUND);
    made.forgetOld();
    assertEquals("two", made.account("acme", NONE, Set.of(SOUND)));
    clock.advance(MadeItems.MEDIA_LIFE.plusSeconds(1));
    made.forgetOld();

    assertRefused("no such audio of yours", "acme", NONE, SOUND);
    assertEquals("two", made.account("acme", NONE, Set.of(VOICE)));
  }

  private void ends(String kind, boolean tracked, String result) {
    jdbi.useHandle(
        h -> {
          String id = TaskId.next(clock.instant());
          h.createUpdate(
                  """
                  insert into task (id, tenant_id, kind, tracked, account, status, sequence, feed_position, created_at,
                    updated_at)
                  values (:id, 'acme', :kind, :tracked, 'two', 'queued', 1, 1, now(), now())
                  """)
              .bind("id", id)
              .bind("kind", kind)
              .bind("tracked", tracked)
              .execute();
          int ended =
              h.createUpdate(
                      """
                      update task set status = 'succeed', previous_status = 'queued', sequence = 2, finished_at = now(),
                        result = cast(:result as json) where id = :id
                      """)
                  .bind("id", id)
                  .bind("result", result)
                  .execute();
          assertEquals(1, ended);
        });
  }

  private void assertRefused(String words, String tenant, Set<String> granted, NamedItem... named) {
    ProblemException refused =
        assertThrows(ProblemException.class, () -> made.account(tenant, granted, Set.of(named)));
    assertTrue(String.valueOf(refused.getMessage()).contains(words), refused.getMessage());
  }
}
