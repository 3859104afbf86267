package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.json.Body;
import io.klingtracker.problem.ProblemException;
import java.math.BigDecimal;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients fill in every field of their forms; an empty one is none. */
class EmptyTest {

  private static final String OURS =
      ",\"external_task_id\":\"task_1\",\"callback_url\":\"https://me\"}";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "videos/image2video|{\"image\":\"https://a.b/c\",\"image_tail\":\"\"}|{\"image\":\"https://a.b/c\"",
        "videos/image2video|{\"static_mask\":\"\",\"image\":\"https://a.b/c\"}|{\"image\":\"https://a.b/c\"",
        "videos/image2video|{\"image\":\"https://a.b/c\",\"dynamic_masks\":[]}|{\"image\":\"https://a.b/c\"",
        "videos/text2video|{\"prompt\":\"a\",\"mode\":\"\"}|{\"prompt\":\"a\"",
        "videos/text2video|{\"mode\":\" \",\"prompt\":\"a\"}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"camera_control\":{}}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"camera_control\":{\"type\":\"\",\"config\":{\"pan\":null}}}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"camera_control\":{\"type\":\"forward_up\",\"config\":{}}}|{\"prompt\":\"a\",\"camera_control\":{\"type\":\"forward_up\"}",
        "videos/text2video|{\"model_name\":\"\",\"prompt\":\"a\"}|{\"prompt\":\"a\"",
        "videos/text2video|{\"model_name\":\"\",\"model\":\"kling-v1\",\"prompt\":\"a\"}|{\"model_name\":\"kling-v1\",\"prompt\":\"a\"",
        "videos/text2video|{\"model_name\":null,\"model\":\"\",\"prompt\":\"a\"}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"duration\":\"\",\"cfg_scale\":\"\",\"sound\":\"\",\"aspect_ratio\":\"\"}|{\"prompt\":\"a\"",
        "videos/text2video|{ \"mode\" : \"\" , \"negative_prompt\":null ,\"prompt\":\"a\" }|{  \"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"element_list\":[{\"element_id\":\"\"}],\"voice_list\":[{}]}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"multi_shot\":\"\",\"shot_type\":\"\",\"multi_prompt\":[]}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"watermark_info\":{\"enabled\":\"\"}}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"image\":\"\",\"image_tail\":\"\"}|{\"prompt\":\"a\"",
        "videos/text2video|{\"prompt\":\"a\",\"unknown\":\"\",\"other\":{\"x\":[]}}|{\"prompt\":\"a\",\"unknown\":\"\",\"other\":{\"x\":[]}",
        "videos/text2video|{\"prompt\":\"a\",\"cfg_scale\":0,\"watermark_info\":{\"enabled\":false}}|{\"prompt\":\"a\",\"cfg_scale\":0,\"watermark_info\":{\"enabled\":false}",
        "videos/omni-video|{\"prompt\":\"a\",\"aspect_ratio\":\"1:1\",\"image_list\":[{\"image_url\":\"https://a.b/c\",\"type\":\"\"}],\"video_list\":[]}|{\"prompt\":\"a\",\"aspect_ratio\":\"1:1\",\"image_list\":[{\"image_url\":\"https://a.b/c\"}]",
        "images/generations|{\"prompt\":\"a\",\"image\":\"\",\"image_reference\":\"\",\"n\":null,\"resolution\":\"\"}|{\"prompt\":\"a\"",
        "audio/video-to-audio|{\"video_id\":\"1\",\"video_url\":\"\"}|{\"video_id\":\"1\""
      })
  void an_empty_field_is_absent_and_not_sent_on(String path, String given, String sent) {
    Body body = Body.parse(given);
    Kind kind = Catalog.current().ofPath(path).orElseThrow();
    Checked checked = RequestRules.check(kind, body, ModelMapping.NONE, Today.DAY);

    assertEquals(
        sent + OURS,
        UpstreamBody.of(kind, body, checked.upstreamModel(), "task_1", "https://me")
            .replaceFirst(" ?,\"external", ",\"external")
            .replaceFirst(" }$", "}"));
    assertEquals(given, body.text());
  }

  @Test
  void an_empty_shot_type_of_a_shot_is_not_sent_on() {
    String shots =
        "{\"model_name\":\"kling-v3\",\"multi_shot\":true,\"shot_type\":\"customize\",\"prompt\":\"\","
            + "\"duration\":\"5\",\"multi_prompt\":[{\"index\":1,\"shot_type\":\"\",\"prompt\":\"a\",\"duration\":2},"
            + "{\"shot_type\":\"\",\"index\":2,\"prompt\":\"b\",\"duration\":\"3\"}]}";
    assertEquals(
        "{\"model_name\":\"kling-v3\",\"multi_shot\":true,\"shot_type\":\"customize\","
            + "\"duration\":\"5\",\"multi_prompt\":[{\"index\":1,\"prompt\":\"a\",\"duration\":\"2\"},"
            + "{\"index\":2,\"prompt\":\"b\",\"duration\":\"3\"}]"
            + OURS,
        sent("videos/text2video", null, shots));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"prompt\":\"a\",\"settings\":{\"duration\":\"5\"}}|{\"prompt\":\"a\",\"settings\":{\"duration\":\"5\"}",
        "{\"prompt\":\"a\",\"settings\":{\"duration\":5}}|{\"prompt\":\"a\",\"settings\":{\"duration\":5}",
        "{\"prompt\":\"a\",\"settings\":{\"resolution\":\"\",\"duration\":\"\"}}|{\"prompt\":\"a\"",
        "{\"prompt\":\"a\",\"settings\":{\"resolution\":\"\",\"audio\":\"off\"},\"options\":{}}|{\"prompt\":\"a\",\"settings\":{\"audio\":\"off\"}",
      })
  void the_newer_front_too(String given, String sent) {
    assertEquals(
        sent + ",\"options\":{\"external_task_id\":\"task_1\",\"callback_url\":\"https://me\"}}",
        sent("text-to-video", "kling-3.0", given));
  }

  @Test
  void seconds_in_text_cost_what_they_cost_as_a_number() {
    assertEquals(
        units("{\"prompt\":\"a\",\"settings\":{\"duration\":10}}"),
        units("{\"prompt\":\"a\",\"settings\":{\"duration\":\"10\"}}"));
    assertEquals(
        units("{\"prompt\":\"a\"}"), units("{\"prompt\":\"a\",\"settings\":{\"duration\":\"\"}}"));
  }

  private static BigDecimal units(String body) {
    return RequestRules.check(
            Catalog.current().ofPath("text-to-video").orElseThrow(),
            "kling-3.0",
            Body.parse(body),
            ModelMapping.NONE,
            Today.DAY)
        .units();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "videos/text2video|{\"prompt\":\"\"}|prompt",
        "videos/text2video|{\"prompt\":null}|prompt",
        "videos/text2video|{\"prompt\":[]}|prompt",
        "videos/multi-image2video|{\"prompt\":\"a\",\"image_list\":[]}|image_list",
        "videos/multi-image2video|{\"prompt\":\"a\",\"image_list\":[{\"image\":\"\"}]}|image_list",
        "videos/multi-image2video|{\"prompt\":\"a\",\"image_list\":[{\"image\":\"https://a.b/c\"},{\"image\":\"\"}]}|image_list[1].image",
        "videos/image2video|{\"image\":\"\",\"image_tail\":\"\"}|image",
        "videos/lip-sync|{\"input\":{}}|input",
        "videos/effects|{\"effect_scene\":\"hug_pro\",\"input\":{\"image\":\"\",\"x\":1}}|input.image"
      })
  void a_required_field_that_is_empty_is_required(String path, String body, String field) {
    ProblemException refused = assertThrows(ProblemException.class, () -> sent(path, null, body));
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.contains(field), message);
    assertTrue(message.contains("missing"), message);
  }

  /** Whatever members it has, with spaces or without. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void what_is_left_is_the_rest_to_the_letter(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 300; i++) {
      StringBuilder with = new StringBuilder("{");
      StringBuilder without = new StringBuilder("{");
      members(random, with, without, 0);
      String text = with.append('}').toString();
      String left = without.append('}').toString();
      assertEquals(
          left,
          Catalog.current().withoutEmpty(Body.parse(text)).text().replaceAll("\\s", ""),
          () -> "seed " + seed + ": " + text);
    }
  }

  private static void members(Random random, StringBuilder with, StringBuilder without, int depth) {
    List<String> empties = List.of("\"\"", "null", "[]", "{}", "[ null, {} ]", "{\"z\":\"\"}");
    boolean first = true;
    boolean firstLeft = true;
    int count = random.nextInt(5);
    for (int i = 0; i < count; i++) {
      // A name of the table at the root, such as prompt, and any below.
      String name =
          depth == 0 ? List.of("prompt", "mode", "sound", "image", "duration").get(i) : "m" + i;
      with.append(first ? "" : ",").append(random.nextBoolean() ? " " : "");
      first = false;
      with.append('"').append(name).append("\" :");
      boolean empty = random.nextInt(2) == 0;
      if (empty) {
        with.append(empties.get(random.nextInt(empties.size())));
        continue;
      }
      without.append(firstLeft ? "" : ",").append('"').append(name).append("\":");
      firstLeft = false;
      if (depth < 3 && random.nextInt(3) == 0) {
        with.append("{\"k\":1,");
        without.append("{\"k\":1");
        StringBuilder in = new StringBuilder();
        StringBuilder left = new StringBuilder();
        members(random, in, left, depth + 1);
        with.append(in.isEmpty() ? "\"l\":2" : in).append('}');
        without.append(in.isEmpty() ? ",\"l\":2" : left.isEmpty() ? "" : "," + left).append('}');
      } else {
        with.append("1.50 ");
        without.append("1.50");
      }
    }
  }

  private static String sent(String path, @Nullable String model, String given) {
    Kind kind = Catalog.current().ofPath(path).orElseThrow();
    Body body = Body.parse(given);
    Checked checked = RequestRules.check(kind, model, body, ModelMapping.NONE, Today.DAY);
    return UpstreamBody.of(kind, body, checked.upstreamModel(), "task_1", "https://me");
  }
}
