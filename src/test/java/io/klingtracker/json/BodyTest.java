package io.klingtracker.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class BodyTest {

  private static final int LIMIT = 1 << 20;

  static Stream<Arguments> evil() {
    return Stream.of(
        evil("empty", "", "empty"),
        evil("blank", " \n", "empty"),
        evil("not an object", "[]", "object"),
        evil("a string", "\"a\"", "object"),
        evil("null", "null", "object"),
        evil("cut off", "{\"a\":1", "valid JSON"),
        evil("cut off in a string", "{\"a\":\"b", "valid JSON"),
        evil("no JSON", "model_name=kling-v3", "valid JSON"),
        evil("a comment", "{/**/\"a\":1}", "valid JSON"),
        evil("a trailing comma", "{\"a\":1,}", "valid JSON"),
        evil("single quotes", "{'a':1}", "valid JSON"),
        evil("a second document", "{}{}", "continues"),
        evil("text behind", "{} x", "valid JSON"),
        evil("a control character", "{\"a\":\"\n\"}", "valid JSON"),
        evil("a leading zero", "{\"a\":01}", "valid JSON"),
        evil("not a number", "{\"a\":NaN}", "valid JSON"),
        evil("infinity", "{\"a\":Infinity}", "valid JSON"),
        evil("an infinite number", "{\"a\":1e999}", "finite"),
        evil("an infinite negative number", "{\"a\":-1E400}", "finite"),
        evil("a number of many digits", "{\"a\":" + "9".repeat(1001) + "}", "1000 digits"),
        evil("a duplicate key", "{\"a\":1,\"b\":2,\"a\":3}", "uplicate"),
        evil("a duplicate key in disguise", "{\"a\":1,\"\\u0061\":3}", "uplicate"),
        evil("a duplicate key further in", "{\"a\":[{\"b\":1,\"b\":1}]}", "uplicate"),
        evil("arrays 65 deep", "{\"a\":" + "[".repeat(64) + "]".repeat(64) + "}", "deeper than 64"),
        evil("endless depth", "{\"a\":".repeat(100_000), "deeper than 64"),
        evil("very many values", "{\"a\":[" + "0,".repeat(300_000) + "0]}", "20000"),
        Arguments.of("no UTF-8", new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}, "UTF-8"),
        Arguments.of(
            "an overlong UTF-8 form",
            new byte[] {'{', '"', (byte) 0xc0, (byte) 0x80, '"', ':', '1', '}'},
            "UTF-8"),
        Arguments.of("UTF-16", "{\"a\":1}".getBytes(StandardCharsets.UTF_16), "UTF-8"));
  }

  private static Arguments evil(String name, String json, String word) {
    return Arguments.of(name, json.getBytes(StandardCharsets.UTF_8), word);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("evil")
  void an_evil_body_is_refused_quickly_by_its_fault(String name, byte[] body, String word) {
    ProblemException refusal =
        assertTimeoutPreemptively(
            Duration.ofSeconds(60),
            () -> assertThrows(ProblemException.class, () -> Body.parse(body, LIMIT), name));

    assertEquals(ErrorCode.INVALID_REQUEST, refusal.code());
    assertTrue(String.valueOf(refusal.getMessage()).contains(word), refusal.getMessage());
    assertTrue(String.valueOf(refusal.getMessage()).length() < 400, refusal.getMessage());
  }

  @Test
  void whole_numbers_become_text_where_they_are_and_nowhere_else() {
    String text =
        "{ \"n\" : 5,\"x\":{\"n\":6},\"list\":[ {\"n\" : -7 ,\"m\":[{\"n\":8}]},{\"n\":9.5},[{\"n\":1}],{\"n\":\"2\"},{\"n\":3}] }";

    assertEquals(
        text.replace(" 5,", " \"5\",").replace(" -7 ", " \"-7\" ").replace(":3}", ":\"3\"}"),
        Body.parse(text).edit().quoteWhole("n").quoteWhole("list", "n").quoteWhole("x").text());
    assertEquals(text, Body.parse(text).edit().quoteWhole("x", "n").quoteWhole("no").text());
  }

  @Test
  void a_body_over_the_limit_is_refused_by_its_size() {
    ProblemException refusal =
        assertThrows(ProblemException.class, () -> Body.parse(new byte[LIMIT + 1], LIMIT));

    assertEquals(ErrorCode.BODY_TOO_LARGE, refusal.code());
    assertTrue(String.valueOf(refusal.getMessage()).contains("1048576"), refusal.getMessage());
  }

  @Test
  void sixty_four_levels_are_read() {
    Body body = Body.parse("{\"a\":" + "[".repeat(63) + "]".repeat(63) + "}");

    assertTrue(body.root().get("a").isArray());
  }

  @Test
  void flooding_one_hash_bucket_with_names_costs_little() {
    // "Aa" and "BB" have the same hash, and so has every mixture of them.
    String names =
        IntStream.range(0, 8192)
            .mapToObj(
                i ->
                    IntStream.range(0, 13)
                        .mapToObj(bit -> (i >> bit & 1) == 0 ? "Aa" : "BB")
                        .collect(Collectors.joining()))
            .map(name -> "\"" + name + "\":1")
            .collect(Collectors.joining(","));

    assertTimeoutPreemptively(Duration.ofSeconds(60), () -> Body.parse("{" + names + "}"));
  }

  @Test
  void an_edit_keeps_every_other_character() {
    String text =
        "{ \"z\" : 1.50,\n\"model_name\":\t\"kling-v3\" , \"big\":123456789012345678901234567890,"
            + "\"e\":1E+2,\"esc\":\"\\u00e9\\/é\",\"nested\":{ \"b\":-0.0,\"a\":[ ] } }";

    String edited =
        Body.parse(text).edit().set("model_name", "m").set("callback_url", "c\"d").text();

    assertEquals(
        text.replace("\"kling-v3\"", "\"m\"").replaceAll(" }$", " ,\"callback_url\":\"c\\\\\"d\"}"),
        edited);
  }

  @Test
  void an_edit_of_an_empty_object_has_no_comma_too_many() {
    assertEquals(
        "{ \"a\":\"1\",\"b\":\"2\"}", Body.parse("{ }").edit().set("a", "1").set("b", "2").text());
  }

  @Test
  void a_name_written_with_escapes_is_found() {
    Body body = Body.parse("{\"model\\u005fname\":\"a\",\"x\":1}");

    assertEquals("a", body.get("model_name").textValue());
    assertEquals("{\"model\\u005fname\":\"b\",\"x\":1}", body.edit().set("model_name", "b").text());
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void random_bodies_survive_an_edit(long seed) throws Exception {
    Random random = new Random(seed);
    ObjectMapper mapper = new ObjectMapper();
    for (int i = 0; i < 200; i++) {
      String text = RandomJson.object(random, 4);
      Body body = Body.parse(text);

      assertEquals(text, body.edit().text(), () -> "seed " + seed);
      String edited = body.edit().set("own", "x").set("k1", "y").text();
      var before = mapper.readTree(text).deepCopy();
      ((com.fasterxml.jackson.databind.node.ObjectNode) before).put("own", "x").put("k1", "y");
      assertEquals(before, mapper.readTree(edited), () -> "seed " + seed + ": " + text);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12, 13, 14})
  void damaged_bodies_are_read_or_refused_and_nothing_else(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 500; i++) {
      byte[] bytes = RandomJson.object(random, 4).getBytes(StandardCharsets.UTF_8);
      for (int n = random.nextInt(4); n >= 0; n--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      try {
        Body.parse(bytes, LIMIT);
      } catch (ProblemException refused) {
        assertEquals(ErrorCode.INVALID_REQUEST, refused.code(), () -> "seed " + seed);
      }
    }
  }
}
