package io.klingtracker.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.Ordered;
import io.klingtracker.reconcile.ReconcileStore.Unnamed;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.Doubts.Doubt;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** By time, model and prompt a create is known again, or a person is told why not. */
class UnnamedSearchTest {

  private static final Instant SENT = Instant.parse("2026-11-30T12:00:00Z");
  private static final Duration CERTAIN = Duration.ofSeconds(80);
  private static final String MODEL = "kling-4.0";
  private static final String PROMPT = "a cat";
  private static final Ordered OURS = new Ordered(MODEL, PROMPT);

  @Test
  void the_only_task_of_that_time_model_and_prompt_is_ours() {
    KlingNews row = row("1", SENT.plusSeconds(3), OURS);

    assertEquals(row, verdict(row).news());
    assertEquals(
        row,
        verdict(
                row,
                row("2", SENT.plusSeconds(3), new Ordered(MODEL, "a dog")),
                row("3", SENT.plusSeconds(3), new Ordered("kling-3.0", PROMPT)),
                row("4", SENT.minus(Duration.ofMinutes(6)), OURS),
                row("5", SENT.plus(Duration.ofMinutes(7)), OURS))
            .news());
  }

  @Test
  void a_task_with_somebody_s_external_id_is_not_ours() {
    KlingNews named =
        new KlingNews(
            "1",
            "somebody-s",
            KlingStatus.SUBMITTED,
            "submitted",
            "",
            null,
            null,
            null,
            SENT,
            OURS);

    assertNull(verdict(named).news());
    assertEquals("Kling's list shows no task of that time that may be it", verdict(named).words());
  }

  @Test
  void twins_are_for_a_person() {
    UnnamedSearch.Verdict verdict = verdict(row("1", SENT, OURS), row("2", SENT, OURS));

    assertNull(verdict.news());
    assertEquals("Kling lists 2 that may be it (1, 2)", verdict.words());
  }

  @Test
  void one_row_is_not_two_creates_of_ours() {
    Unnamed one = new Unnamed(SENT, MODEL, Doubts.promptHash(PROMPT));
    Unnamed other = new Unnamed(SENT.plusSeconds(20), MODEL, Doubts.promptHash("a dog"));
    UnnamedSearch.Listed listed = new UnnamedSearch.Listed(List.of(row("1", SENT, OURS)), null);

    assertEquals(
        "Kling lists 1 that may be it (1); 2 creates of ours are alike",
        UnnamedSearch.verdict(check(PROMPT), listed, List.of(one, one), CERTAIN).words());
    assertEquals(
        "1",
        String.valueOf(
                UnnamedSearch.verdict(check(PROMPT), listed, List.of(one, other), CERTAIN).news())
            .replaceAll(".*klingTaskId=(\\d+).*", "$1"));
  }

  @Test
  void what_is_not_shown_is_no_proof() {
    assertEquals(
        "Kling lists 1 that may be it (1); it does not show what was asked of them",
        verdict(row("1", SENT, Ordered.UNKNOWN)).words());
    assertNull(verdict(row("1", SENT, new Ordered(MODEL, null))).news());
    assertNull(verdict(row("1", SENT, new Ordered(null, PROMPT))).news());
    assertNull(verdict(row("1", null, OURS)).news());
    // One that may be it as well.
    assertNull(verdict(row("1", SENT, OURS), row("2", SENT, Ordered.UNKNOWN)).news());
  }

  @Test
  void by_an_empty_prompt_nothing_is_known_again() {
    UnnamedSearch.Listed listed =
        new UnnamedSearch.Listed(List.of(row("1", SENT, new Ordered(MODEL, ""))), null);

    assertNull(
        UnnamedSearch.verdict(
                check(""),
                listed,
                List.of(new Unnamed(SENT, MODEL, Doubts.promptHash(""))),
                CERTAIN)
            .news());
  }

  @Test
  void a_list_that_was_not_read_whole_proves_nothing() {
    UnnamedSearch.Verdict verdict =
        UnnamedSearch.verdict(
            check(PROMPT),
            new UnnamedSearch.Listed(List.of(row("1", SENT, OURS)), "HTTP 502"),
            List.of(new Unnamed(SENT, MODEL, Doubts.promptHash(PROMPT))),
            CERTAIN);

    assertNull(verdict.news());
    assertEquals("Kling's list does not show whether it has it: HTTP 502", verdict.words());
  }

  @Test
  void a_person_is_told_of_a_few() {
    KlingNews[] rows = new KlingNews[7];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = row(String.valueOf(i), SENT, OURS);
    }

    assertEquals("Kling lists 7 that may be it (0, 1, 2, 3, 4, …)", verdict(rows).words());
  }

  private static UnnamedSearch.Verdict verdict(KlingNews... rows) {
    return UnnamedSearch.verdict(
        check(PROMPT),
        new UnnamedSearch.Listed(List.of(rows), null),
        List.of(new Unnamed(SENT, MODEL, Doubts.promptHash(PROMPT))),
        CERTAIN);
  }

  private static KlingNews row(String id, @Nullable Instant createdAt, Ordered ordered) {
    return new KlingNews(
        id, null, KlingStatus.SUBMITTED, "submitted", "", null, null, null, createdAt, ordered);
  }

  private static Check check(String prompt) {
    return new Check(
        new UpstreamRef("task_1", "text-to-video", MODEL, "default"),
        "acme",
        null,
        false,
        false,
        null,
        TaskStatus.QUEUED,
        null,
        0,
        null,
        SENT,
        SENT,
        1,
        false,
        new Doubt(SENT, Doubts.Cause.NO_ANSWER, 0, false, Doubts.promptHash(prompt)),
        SENT.plusSeconds(90));
  }
}
