package io.klingtracker.request;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MetadataTest {

  @Test
  void what_is_left_out_or_empty_is_none() {
    assertNull(Metadata.header(List.of()));
    assertNull(Metadata.header(List.of("{}")));
    assertNull(Metadata.field(null));
    assertNull(Metadata.field(Map.of()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"order\":\"4711\"}|{\"order\":\"4711\"}",
        " { \"a.b-C_9\" : \"\" } |{\"a.b-C_9\":\"\"}",
        "{\"a\":\"J\\u00fcrgen \\ud83d\\ude00\"}|{\"a\":\"J\\u00FCrgen \\uD83D\\uDE00\"}",
        "{\"\\u0061\":\"\\n\\u001f\\u007f\"}|{\"a\":\"\\n\\u001F\\u007F\"}",
      })
  void is_kept_as_it_goes_into_a_header(String given, String kept) {
    assertEquals(kept, Metadata.header(List.of(given)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "``|no JSON object",
        "x|not valid JSON",
        "[]|no JSON object",
        "null|no JSON object",
        "\"x\"|no JSON object",
        "{|not valid JSON",
        "{\"a\":\"b\"|not valid JSON",
        "{\"a\":\"b\",}|not valid JSON",
        "{'a':'b'}|not valid JSON",
        "{\"a\":\"b\"}{}|continues",
        "{\"a\":\"b\"} x|not valid JSON",
        "{\"a\":\"b\",\"a\":\"c\"}|a key twice",
        "{\"a\":\"b\",\"\\u0061\":\"b\"}|a key twice",
        "{\"a\":1}|something else than text",
        "{\"a\":true}|something else than text",
        "{\"a\":null}|something else than text",
        "{\"a\":{\"b\":\"c\"}}|something else than text",
        "{\"a\":[\"b\"]}|something else than text",
        "{\"\":\"b\"}|a key must have",
        "{\"a b\":\"c\"}|a key must have",
        "{\"a=b\":\"c\"}|a key must have",
        "{\"\\u00fc\":\"c\"}|a key must have",
        "{\"a\":\"\\u0000\"}|U+0000",
        "{\"a\":\"x\\ud800\"}|surrogate",
        "{\"a\":\"\\ude00\\ud83d\"}|surrogate",
        "{\"a\":\"\u00FC\"}|beyond ASCII",
        "{\"a\":\"\u007F\"}|beyond ASCII",
        "{\"a\":\"\\x\"}|not valid JSON",
      })
  void anything_else_is_refused_with_what_is_wrong(String given, String fault) {
    assertRefused(given, fault);
  }

  @Test
  void is_given_once() {
    ProblemException refused =
        assertThrows(ProblemException.class, () -> Metadata.header(List.of("{}", "{}")));
    assertEquals("Tracker-Metadata is given 2 times; give it once", refused.getMessage());
  }

  @Test
  void has_bounds_that_are_reached_and_not_passed() {
    assertEquals(16, pairs(16).size());
    assertEquals(json(pairs(16)), Metadata.header(List.of(json(pairs(16)))));
    assertRefused(json(pairs(17)), "17 pairs");
    String key = "k".repeat(40);
    assertEquals(json(Map.of(key, "v")), Metadata.header(List.of(json(Map.of(key, "v")))));
    assertRefused(json(Map.of(key + "k", "v")), "1 to 40 characters");
    String value = "v".repeat(500);
    assertEquals(json(Map.of("k", value)), Metadata.header(List.of(json(Map.of("k", value)))));
    assertRefused(json(Map.of("k", value + "v")), "at most 500 characters");
    String most = ofBytes(4096);
    assertEquals(4096, most.length());
    assertEquals(most, Metadata.header(List.of(most)));
    assertRefused(ofBytes(4097), "4096 bytes");
    assertRefused("{}" + " ".repeat(4095), "4096 bytes");
  }

  /** A body has UTF-8, and its metadata goes into a header all the same. */
  @Test
  void of_a_body_is_measured_as_a_header_would_have_it() {
    Map<String, @Nullable String> pairs = new LinkedHashMap<>();
    pairs.put("a", "\u00FC".repeat(500));
    assertEquals(
        "{\"a\":\"" + "\\u00FC".repeat(500) + "\"}", Metadata.field(Map.of("a", pairs.get("a"))));
    pairs.put("b", "\u00FC".repeat(200));
    ProblemException refused = assertThrows(ProblemException.class, () -> Metadata.field(pairs));
    assertTrue(String.valueOf(refused.getMessage()).startsWith("metadata must be"));
    assertThrows(ProblemException.class, () -> Metadata.field(Collections.singletonMap("a", null)));
  }

  @Test
  void a_list_is_filtered_by_each_pair_that_is_given() {
    Map<String, List<String>> query = new LinkedHashMap<>();
    query.put("limit", List.of("5"));
    query.put("meta.order", List.of("4711", "4711"));
    query.put("meta.a.b", List.of("", "x"));
    assertEquals(
        List.of(
            new Metadata.Pair("order", "4711"),
            new Metadata.Pair("a.b", ""),
            new Metadata.Pair("a.b", "x")),
        Metadata.filter(query));
  }

  @ParameterizedTest
  @ValueSource(strings = {"meta.", "meta.a b", "meta.<key>", "meta.\u00FC"})
  void a_filter_by_what_no_key_is_says_so(String name) {
    ProblemException refused =
        assertThrows(ProblemException.class, () -> Metadata.filter(Map.of(name, List.of("x"))));
    assertTrue(String.valueOf(refused.getMessage()).contains("1 to 40 characters"));
  }

  @Test
  void a_filter_has_the_bounds_of_what_it_looks_for() {
    for (String value : List.of("v".repeat(501), "\u0000", "\uD800")) {
      assertThrows(ProblemException.class, () -> Metadata.filter(Map.of("meta.a", List.of(value))));
    }
    List<String> many = IntStream.range(0, 17).mapToObj(String::valueOf).toList();
    assertEquals(16, Metadata.filter(Map.of("meta.a", many.subList(0, 16))).size());
    assertThrows(ProblemException.class, () -> Metadata.filter(Map.of("meta.a", many)));
  }

  private static void assertRefused(String given, String fault) {
    ProblemException refused =
        assertThrows(ProblemException.class, () -> Metadata.header(List.of(given)));
    assertEquals(ErrorCode.INVALID_REQUEST, refused.code());
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.startsWith("Tracker-Metadata"), message);
    assertTrue(message.contains(fault), message);
  }

  private static Map<String, String> pairs(int number) {
    return IntStream.range(0, number)
        .boxed()
        .collect(Collectors.toMap(i -> "k" + i, String::valueOf, (a, b) -> a, LinkedHashMap::new));
  }

  private static String json(Map<String, String> pairs) {
    return pairs.entrySet().stream()
        .map(pair -> "\"" + pair.getKey() + "\":\"" + pair.getValue() + "\"")
        .collect(Collectors.joining(",", "{", "}"));
  }

  /** As many as fit of the longest values. */
  private static String ofBytes(int bytes) {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (char key = 'a'; key < 'i'; key++) {
      pairs.put(String.valueOf(key), "v".repeat(500));
    }
    pairs.put("i", "");
    pairs.put("i", "v".repeat(bytes - json(pairs).length()));
    return json(pairs);
  }
}
