package io.klingtracker.request;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonBodiesTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  static {
    new JsonBodies().customize(JSON);
  }

  record Inner(String text) {}

  record Sample(
      String name,
      Integer count,
      Boolean flag,
      BigDecimal units,
      List<String> ids,
      Map<String, String> models,
      Inner inner) {}

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"name\":\"a\\u0000\"}|name must be text of at most 8192 characters, none of them U+0000",
        "{\"name\":\"\\ud800\"}|name must be text of at most 8192 characters, none of them U+0000",
        "{\"name\":[]}|name must be text",
        "{\"ids\":[\"a\",\"\\u0000\"]}|ids[1] must be text of at most 8192 characters, none of them U+0000",
        "{\"ids\":1}|ids must be an array",
        "{\"models\":{\"\\u0000\":\"x\"}}|models has a name that must be text of at most 8192 characters, none of them U+0000",
        "{\"models\":[]}|models must be an object",
        "{\"inner\":{\"text\":\"\\ude00\"}}|inner.text must be text of at most 8192 characters, none of them U+0000",
        "{\"units\":1e999999}|units must be a number of at most 15 digits and 9 places",
        "{\"units\":\"1e999999\"}|units must be a number",
        "{\"units\":\"5\"}|units must be a number",
        "{\"count\":\"5\"}|count must be a whole number",
        "{\"flag\":\"true\"}|flag must be true or false",
        "{\"flag\":1}|flag must be true or false",
        "{\"name\":5}|name must be text",
        "{\"name\":5.0}|name must be text",
        "{\"name\":true}|name must be text",
        "{\"inner\":{\"text\":5}}|inner.text must be text",
        "{\"nmae\":\"x\"}|unknown field nmae; did you mean name?",
        "{\"inner\":{\"txet\":\"x\"}}|unknown field inner.txet; did you mean text?",
        "{\"name\":\"x\",\"name\":\"y\"}|the body is not JSON that can be read: Duplicate field 'name' (line 1, column 19)",
        "{\"name\":tru}|the body is not JSON that can be read: Unrecognized token 'tru': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false') (line 1, column 9)",
        "{\"units\":1e-10}|units must be a number of at most 15 digits and 9 places",
        "{\"units\":true}|units must be a number",
        "{\"count\":\"many\"}|count must be a whole number",
        "{\"count\":1.5}|count must be a whole number",
        "{\"count\":3000000000}|count must be a whole number from -2147483648 to 2147483647",
        "{\"count\":-3000000000}|count must be a whole number from -2147483648 to 2147483647",
        "{\"count\":99999999999999999999}|count must be a whole number from -2147483648 to 2147483647",
        "{\"flag\":\"maybe\"}|flag must be true or false",
        "[]|the body must be a JSON object (line 1, column 1)",
        "{|the body is not JSON that can be read: Unexpected end-of-input: expected close marker for Object (line 1, column 2)"
      })
  void names_the_field_and_what_it_must_be(String body, String words) {
    JsonProcessingException fault =
        assertThrows(JsonProcessingException.class, () -> JSON.readValue(body, Sample.class));
    assertEquals(words, JsonFaults.describe(fault));
  }

  @Test
  void refuses_what_no_parser_should_hold() {
    for (String body :
        List.of(
            "{\"units\":" + "9".repeat(2_000) + "}",
            "{\"x\":" + "[".repeat(100) + "]".repeat(100) + "}",
            "{\"count\":1e999999999}",
            "{\"units\":1e99999999999}")) {
      JsonProcessingException fault =
          assertThrows(JsonProcessingException.class, () -> JSON.readValue(body, Sample.class));
      assertEquals(-1, JsonFaults.describe(fault).indexOf("Exception"));
    }
  }

  @Test
  void reads_what_is_sound() throws JsonProcessingException {
    Sample sample =
        JSON.readValue(
            "{\"name\":\"\uD83D\uDE00\",\"count\":5,\"units\":1E+3,\"models\":{\"a\":\"b\"}}",
            Sample.class);
    assertEquals("\uD83D\uDE00", sample.name());
    assertEquals("1000", sample.units().toString());
    assertEquals(Map.of("a", "b"), sample.models());
  }
}
