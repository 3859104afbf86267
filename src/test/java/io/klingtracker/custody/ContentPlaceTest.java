package io.klingtracker.custody;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.klingtracker.custody.CustodyStore.Kept;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which results have content, and where it is. */
class ContentPlaceTest {

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00Z");
  private static final Kept KEPT = new Kept("acme/t/0-1.mp4", "video/mp4", 5, "00");
  private static final String TWO =
      """
      {"videos":[{"id":"1","url":"https://v.klingai.com/a.mp4?x=1","watermark_url":"https://v.klingai.com/w.mp4"}],
       "images":[],"audios":[{"url_mp3":"https://v.klingai.com/a.mp3","url_wav":"https://v.klingai.com/a.wav"}]}
      """;

  @Test
  void results_are_numbered_as_kling_has_them() {
    assertEquals(
        List.of(
            new ResultItem(0, "https://v.klingai.com/a.mp4?x=1"),
            new ResultItem(1, "https://v.klingai.com/a.wav")),
        ResultItem.of(TWO));
    assertEquals(List.of(), ResultItem.of(null));
    assertEquals(
        List.of(), ResultItem.of("{\"elements\":[{\"element_id\":1}],\"left_out\":\"x\"}"));
    assertEquals(
        ResultItem.MAX,
        ResultItem.of("{\"images\":[" + "{\"url\":\"u\"},".repeat(99) + "{\"url\":\"u\"}]}")
            .size());
  }

  @Test
  void a_copy_wins_whatever_became_of_the_task() {
    assertEquals(new ContentPlace.Copy(KEPT), ContentPlace.of(null, 0, Optional.of(KEPT), NOW));
    assertEquals(
        new ContentPlace.Copy(KEPT),
        ContentPlace.of(
            task(TaskStatus.SUCCEED, TWO, NOW.minusSeconds(1)), 0, Optional.of(KEPT), NOW));
  }

  @Test
  void without_one_it_is_at_kling_until_its_link_is_dead() {
    Task task = task(TaskStatus.SUCCEED, TWO, NOW);
    assertEquals(
        new ContentPlace.AtKling("https://v.klingai.com/a.wav"),
        ContentPlace.of(task, 1, Optional.empty(), NOW.minusMillis(1)));
    assertEquals("content-gone", refused(task, 1, NOW));
  }

  @ParameterizedTest
  @CsvSource({
    "queued, conflict",
    "submitted, conflict",
    "processing, conflict",
    "failed, not-found",
    "canceled, not-found",
    "expired, not-found",
    "succeed, not-found",
  })
  void without_a_result_there_is_none(String status, String code) {
    assertEquals(code, refused(task(TaskStatus.of(status), null, null), 0, NOW));
  }

  @Test
  void of_what_is_not_there_nothing_is_given() {
    assertEquals("not-found", refused(task(TaskStatus.SUCCEED, TWO, NOW), 2, NOW));
    assertEquals("task-not-found", refused(null, 0, NOW));
  }

  @Test
  void a_link_is_written_so_that_a_header_can_carry_it() {
    assertEquals(
        "https://v.klingai.com/%C3%A9?a=%7Bb%7D",
        new ResultItem(0, "HTTPS://v.KLINGAI.com/é?a={b}#x").location());
    assertEquals(
        "http://[2001:db8::1]:8080/", new ResultItem(0, "http://[2001:db8::1]:8080").location());
    assertNull(new ResultItem(0, "https://v.klingai.com/a\r\nX: y").location());
    assertNull(new ResultItem(0, "javascript:alert(1)").location());
  }

  private static String refused(@Nullable Task task, int index, Instant now) {
    return assertThrows(
            ProblemException.class, () -> ContentPlace.of(task, index, Optional.empty(), now))
        .code()
        .wireName();
  }

  private static Task task(TaskStatus status, @Nullable String result, @Nullable Instant linkEnds) {
    return new Task(
        "task_1",
        "acme",
        "text2video",
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        status,
        3,
        null,
        null,
        null,
        null,
        false,
        result,
        null,
        null,
        null,
        null,
        null,
        NOW,
        null,
        NOW,
        null,
        linkEnds,
        null,
        null);
  }
}
