package io.klingtracker.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What pages are made of: durations, media, two bodies side by side, links back. */
class PagePartsTest {

  @ParameterizedTest
  @CsvSource({
    "-5, 0 ms",
    "0, 0 ms",
    "999, 999 ms",
    "1000, 1.0 s",
    "9999, 9.9 s",
    "59999, 59 s",
    "200000, 3 min 20 s",
    "3600000, 1 h 0 min",
    "90000000, 1 d 1 h",
  })
  void a_duration_has_two_units_at_the_most(long millis, String text) {
    assertEquals(text, Shown.duration(Duration.ofMillis(millis)));
  }

  @Test
  void media_are_found_by_their_place_in_the_result() {
    assertEquals(
        List.of(
            new MediaOfResult("video", "https://cdn.kling.ai/a.mp4"),
            new MediaOfResult("image", "http://localhost:1/b.png"),
            new MediaOfResult("audio", "https://cdn.kling.ai/c.mp3")),
        MediaOfResult.of(
            """
            {"videos":[{"id":"1","url":"https://cdn.kling.ai/a.mp4","watermark_url":"https://cdn.kling.ai/w.mp4"}],
             "images":[{"index":0,"url":"http://localhost:1/b.png"}],
             "audios":[{"url_mp3":"https://cdn.kling.ai/c.mp3","url_wav":"https://cdn.kling.ai/c.wav"}]}"""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"videos\":[{\"url\":\"javascript:alert(1)\"}]}",
        "{\"videos\":[{\"url\":\"data:text/html,x\"}]}",
        "{\"videos\":[{\"url\":5}]}",
        "{\"left_out\":\"https://cdn.kling.ai/a.mp4\"}",
        "[]",
        "no JSON",
      })
  void nothing_else_is_linked(String result) {
    assertEquals(List.of(), MediaOfResult.of(result));
  }

  @Test
  void fields_that_differ_are_marked_and_the_rest_is_not() {
    List<Comparison.Line> lines =
        Comparison.of(
            "{\"prompt\":\"a cat\",\"model_name\":\"fast\",\"cfg_scale\":0.50}",
            "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"cfg_scale\":0.50,\"external_task_id\":\"t\"}",
            false);

    assertEquals(
        List.of("prompt", "model_name", "cfg_scale", "external_task_id"),
        lines.stream().map(Comparison.Line::name).toList());
    assertEquals(
        List.of(false, true, false, true), lines.stream().map(Comparison.Line::differs).toList());
    assertEquals("0.50", lines.get(2).asked());
  }

  @Test
  void where_nothing_was_sent_nothing_differs() {
    assertFalse(Comparison.of("{\"prompt\":\"a cat\"}", null, false).get(0).differs());
    assertEquals(List.of(), Comparison.of(null, null, false));
  }

  @Test
  void prompts_can_be_hidden_wherever_they_stand() {
    String shown =
        Comparison.of(
                """
                {"prompt":"SECRET","negative_prompt":"SECRET","multi_prompt":[{"index":1,"prompt":"SECRET"}],
                 "contents":[{"type":"prompt","text":"SECRET"}],"camera_control":{"prompt":"SECRET"},"duration":"5"}""",
                "{\"prompt\":\"SECRET\"}",
                true)
            .toString();

    assertFalse(shown.contains("SECRET"), shown);
    assertTrue(shown.contains("\"5\""), shown);
  }

  @ParameterizedTest
  @CsvSource({
    "/console/tasks/x?tenant=a, /console/tasks/x?tenant=a",
    "/console, /console",
    "//evil.example/console, /console",
    "https://evil.example/, /console",
    "/console/../admin, /console",
    "/v1/tasks, /console",
    "'/console/\\evil', /console",
    "'/console/x y', /console",
    "/console/tasks?q=a|b, /console",
    "/console/tasks?q=100%, /console",
    "/console/tasks?q=ä, /console",
    ", /console",
  })
  void a_sign_in_leads_to_a_page_of_ours_only(String to, String page) {
    assertEquals(page, SignInResource.own(to));
  }

  @Test
  void a_form_is_read_and_nothing_else_is_one() {
    assertEquals("a b", Form.of("key=a+b&to=%2Fconsole").get("key"));
    assertEquals("/console", Form.of("key=a+b&to=%2Fconsole").get("to"));
    assertEquals(null, Form.of("key=a&key=b").get("key"));
    assertEquals(null, Form.of("%zz=%").get("key"));
    assertEquals(null, Form.of(null).get("key"));
  }
}
