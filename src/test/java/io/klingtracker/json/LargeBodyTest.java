package io.klingtracker.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ProblemException;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A large body is read by another way, and as the same. */
class LargeBodyTest {

  private static final String PAD = " ".repeat(70_000);

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void a_body_is_the_same_however_large(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 40; i++) {
      String json = RandomJson.object(random, 3);
      Body small = Body.parse(json);
      Body large = Body.parse(json + PAD);

      assertEquals(small.root(), large.root(), json);
      assertEquals(
          small.edit().set("model_name", "x").text() + PAD,
          large.edit().set("model_name", "x").text(),
          json);
      small
          .root()
          .fieldNames()
          .forEachRemaining(
              name ->
                  assertEquals(
                      small.edit().set(name, "y").text() + PAD,
                      large.edit().set(name, "y").text(),
                      json));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\\/", "\\\"", "ü", "\\u00e9", "漢"})
  void a_picture_is_kept_to_the_letter(String odd) {
    String picture = "A".repeat(50_000) + odd + "B".repeat(50_000);
    String json = "{\"image\":\"" + picture + "\",\"duration\":5,\"mode\":\"std\"}";

    Body body = Body.parse(json.getBytes(StandardCharsets.UTF_8), 1 << 20);

    assertEquals(json, body.text());
    assertEquals("std", body.get("mode").asText());
    assertTrue(body.get("image").asText().startsWith("AAAA"));
    assertTrue(body.get("image").asText().endsWith("BBBB"));
    assertEquals(json.replace("\"std\"", "\"pro\""), body.edit().set("mode", "pro").text());
    assertEquals(
        "{\"image\":\"x\",\"duration\":5,\"mode\":\"std\"}", body.edit().set("image", "x").text());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"image\":\"%s\u0001\"}",
        "{\"image\":\"%s\n\"}",
        "{\"image\":\"%s",
        "{\"a\":\"%s\"\"}"
      })
  void what_is_no_json_is_refused(String form) {
    String json = form.formatted("A".repeat(70_000));

    assertThrows(ProblemException.class, () -> Body.parse(json));
  }
}
