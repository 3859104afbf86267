package io.klingtracker.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LongTextsTest {

  private static final int MAX = 200;

  @Test
  void what_is_short_stays_to_the_letter() {
    String json = "{ \"a\" : 1.50,\n\"b\":[\"x\\\"y\", \"%s\"]}".formatted("z".repeat(MAX));

    assertSame(json, LongTexts.cut(json, MAX));
  }

  @Test
  void a_long_text_says_how_much_is_missing_and_the_rest_stays() {
    String json = "{ \"a\" : \"%s\", \"b\" : 1.50}".formatted("z".repeat(1000));

    assertEquals(
        "{ \"a\" : \"%s… (900 characters left out)\", \"b\" : 1.50}".formatted("z".repeat(100)),
        LongTexts.cut(json, MAX));
  }

  @Test
  void a_name_is_not_cut() {
    String json = "{\"%s\" : \"%s\"}".formatted("n".repeat(1000), "z".repeat(MAX + 1));

    assertTrue(LongTexts.cut(json, MAX).startsWith("{\"" + "n".repeat(1000) + "\" : \"zzz"));
  }

  /** Wherever the cut falls, among escapes and pairs too. */
  @ParameterizedTest
  @ValueSource(strings = {"\\\\", "\\\"", "\\u00fc", "\\ud83d\\ude00", "\uD83D\uDE00", "\u00FC"})
  void what_is_left_is_json(String letter) throws Exception {
    for (int before = 0; before < 13; before++) {
      String json =
          "[\"%s%s\", \"%s\"]"
              .formatted("x".repeat(before), letter.repeat(500), letter.repeat(500));

      JsonNode read = new ObjectMapper().readTree(LongTexts.cut(json, MAX));

      assertEquals(2, read.size());
      assertTrue(read.get(0).asText().contains("characters left out"), read.toString());
      assertTrue(read.get(1).asText().length() < MAX, read.toString());
    }
  }
}
