package io.klingtracker.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.UpstreamRef;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What Kling says counts for the tasks whose id was asked for, and for no other. */
class AnswerMatcherTest {

  private static final String TASK = "task_01jabcdefghjkmnpqrstvwxyz01";

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        // Kling's id asked for, tracked, own id; Kling's answer; whether it counts.
        "7,false,-,7,-,true",
        "7,false,-,8,-,false",
        "7,false,-,8,TASK,false",
        "-,false,-,8,TASK,true",
        "-,false,-,8,-,false",
        "-,false,-,TASK,-,false",
        "-,true,mine,8,mine,true",
        "-,true,mine,8,other,false",
        "-,true,mine,8,-,false",
        // A callback named it, and it may be Kling's own.
        "-,true,9,9,-,true",
        "7,true,mine,8,mine,false",
        "7,true,mine,7,other,true",
        "-,true,-,8,mine,false",
      })
  void an_answer_counts_only_for_the_id_that_was_asked_for(
      @Nullable String klingId,
      boolean tracked,
      @Nullable String askId,
      String saidId,
      @Nullable String saidExternal,
      boolean counts) {
    Check check = check(TASK, klingId, tracked, askId);
    AnswerMatcher matcher = new AnswerMatcher(List.of(check));
    List<AnswerMatcher.Match> matches =
        matcher.among(List.of(said(named(saidId), named(saidExternal))));
    assertEquals(counts ? 1 : 0, matches.size());
    assertEquals(counts ? 0 : 1, matcher.unanswered().size());
  }

  @Test
  void tasks_that_share_an_id_are_all_heard_of_and_each_once() {
    Check first = check(TASK, "7", true, null);
    Check second = check(TASK.replace("01j", "02j"), "7", true, null);
    AnswerMatcher matcher = new AnswerMatcher(List.of(first, second));
    assertEquals(2, matcher.among(List.of(said("7", null), said("7", null))).size());
    assertTrue(matcher.unanswered().isEmpty());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {".", "..", "....", "a/b", "../x", "a\\b", "%2e%2e", "a%", "a\u0000", "\u0085"})
  void an_id_of_which_a_gateway_could_make_another_path_is_not_asked_for(String id) {
    assertFalse(check(TASK, null, true, id).canBeAsked());
    assertFalse(check(TASK, id, true, null).canBeAsked());
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "a.b", ".a", "order 1", "\u540d", "a;b", "a?b#c"})
  void any_other_id_is(String id) {
    assertTrue(check(TASK, null, true, id).canBeAsked());
    Kind kind = Catalog.builtIn().ofName("text2video").orElseThrow();
    assertFalse(check(TASK, null, true, id).queryPath(kind).contains("?"));
  }

  private static @Nullable String named(@Nullable String id) {
    return "TASK".equals(id) ? TASK : id;
  }

  private static Check check(
      String id, @Nullable String klingId, boolean tracked, @Nullable String askId) {
    return new Check(
        new UpstreamRef(id, "text2video", "kling-v3", "default"),
        "acme",
        klingId,
        klingId != null,
        tracked,
        askId,
        TaskStatus.SUBMITTED,
        null,
        0,
        null,
        Instant.EPOCH,
        Instant.EPOCH,
        1,
        false,
        null,
        Instant.EPOCH);
  }

  private static KlingNews said(@Nullable String id, @Nullable String externalId) {
    return new KlingNews(
        id, externalId, KlingStatus.PROCESSING, "processing", "", null, null, null, null);
  }
}
