package io.klingtracker.kling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The dialects, most of them as captured or documented. */
class KlingReaderTest {

  static Stream<Arguments> dialects() {
    return Stream.of(
        arguments(
            "create answer with an own id",
            """
            {"code":0,"message":"SUCCEED","request_id":"9ab376fc-9059-487f-9e2a-c9c89f1a344f","data":{"task_id":
            "878106242831892487","task_status":"submitted","task_info":{"external_task_id":"shot-1"},
            "created_at":1777385361501,"updated_at":1777385361501}}""",
            "878106242831892487",
            "shot-1",
            KlingStatus.SUBMITTED,
            "",
            null),
        arguments(
            "query while processing, status last, no task_status_msg",
            """
            {"code":0,"message":"SUCCEED","request_id":"9ab376fc-9059-487f-9e2a-c9c89f1a344f","data":{"task_id":
            "878106242831892487","task_info":{},"created_at":1777385361501,"updated_at":1777385363321,
            "task_result":{},"task_status":"processing"}}""",
            "878106242831892487",
            null,
            KlingStatus.PROCESSING,
            "",
            null),
        arguments(
            "legacy callback with three arrays",
            """
            {"task_id":"826472943587196960","task_status":"succeed","task_info":{},"task_result":{"images":[],
            "videos":[{"id":"826472944006611013","url":"https://v15-kling-fdl.klingai.com/a.mp4?x=1","duration":"5.1"}],
            "audios":[]},"task_status_msg":"","created_at":1765500000000,"updated_at":1765500232400}""",
            "826472943587196960",
            null,
            KlingStatus.SUCCEED,
            "",
            """
            {"images":[],"videos":[{"id":"826472944006611013","url":"https://v15-kling-fdl.klingai.com/a.mp4?x=1",
            "duration":"5.1"}],"audios":[]}"""),
        arguments(
            "failed, though the envelope says SUCCEED",
            """
            {"code":0,"message":"SUCCEED","data":{"task_id":"1","task_status":"failed","task_status_msg":
            "Image pixel is invalid","task_result":{},"task_info":{},"created_at":1,"updated_at":2}}""",
            "1",
            null,
            KlingStatus.FAILED,
            "Image pixel is invalid",
            null),
        arguments(
            "the console's test callback",
            """
            {"id":"913827032734642185","status":"submitted","outputs":[],"message":"","create_time":1785901861504,
            "update_time":1785901861504}""",
            "913827032734642185",
            null,
            KlingStatus.SUBMITTED,
            "",
            null),
        arguments(
            "the signature's test vector",
            """
            {"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}""",
            "1234567890",
            null,
            KlingStatus.SUCCEED,
            "",
            null),
        arguments(
            "newer, with outputs of known and unknown types, in an array of one",
            """
            {"code":0,"data":[{"id":"5","status":"succeeded","external_id":"shot-5","outputs":[{"type":"video","id":"6",
            "url":"u","new":{"a":1.50}},{"type":"srt","url":"s"}],"billing":[]}]}""",
            "5",
            "shot-5",
            KlingStatus.SUCCEED,
            "",
            """
            {"videos":[{"type":"video","id":"6","url":"u","new":{"a":1.50}}],"srts":[{"type":"srt","url":"s"}]}"""),
        arguments(
            "null arrays",
            """
            {"task_status":"succeed","task_result":{"images":null,"videos":[{"id":"","url":"u"}]},"task_id":"7"}""",
            "7",
            null,
            KlingStatus.SUCCEED,
            "",
            """
            {"images":null,"videos":[{"id":"","url":"u"}]}"""),
        arguments(
            "nulls everywhere",
            """
            {"task_id":"8","task_status":"failed","task_status_msg":null,"task_info":null,"task_result":null,
            "final_unit_deduction":null,"updated_at":null}""",
            "8",
            null,
            KlingStatus.FAILED,
            "",
            null),
        arguments(
            "an extra task_id beside the data",
            """
            {"code":0,"message":"","task_id":"task_9","data":{"task_id":"task_9","task_status":"succeed","task_info":{},
            "task_result":{"images":null,"videos":[{"id":"","url":"u","duration":"5"}]}}}""",
            "task_9",
            null,
            KlingStatus.SUCCEED,
            "",
            """
            {"images":null,"videos":[{"id":"","url":"u","duration":"5"}]}"""),
        arguments(
            "an aggregator's row around Kling's own answer",
            """
            {"code":"success","message":"","data":{"task_id":"task_a","status":"SUCCESS","fail_reason":"","progress":"100%",
            "submit_time":1777385361,"data":{"code":0,"message":"SUCCEED","data":{"task_id":"10","task_status":"succeed",
            "task_result":{"videos":[{"id":"11","url":"u"}]}}}}}""",
            "task_a",
            null,
            KlingStatus.SUCCEED,
            "",
            """
            {"videos":[{"id":"11","url":"u"}]}"""),
        arguments(
            "an aggregator's failure with an error object",
            """
            {"code":"success","data":{"status":"failed","task_id":"12","url":"","error":{"message":"too risky","code":"x"}}}""",
            "12",
            null,
            KlingStatus.FAILED,
            "too risky",
            null),
        arguments(
            "an aggregator's bare URL",
            """
            {"code":"success","data":{"status":"succeeded","task_id":"13","url":"https://cdn.example/13.mp4","format":"mp4"}}""",
            "13",
            null,
            KlingStatus.SUCCEED,
            "",
            """
            {"videos":[{"url":"https://cdn.example/13.mp4"}]}"""),
        arguments(
            "OpenAI's form, both ids the same",
            """
            {"id":"task_14","task_id":"task_14","object":"video","status":"queued","progress":0,"created_at":1777385361}""",
            "task_14",
            null,
            KlingStatus.SUBMITTED,
            "",
            null),
        arguments(
            "a number as task id",
            """
            {"task_id":878106242831892487,"task_status":"processing"}""",
            "878106242831892487",
            null,
            KlingStatus.PROCESSING,
            "",
            null));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("dialects")
  void reads(
      String name,
      String body,
      String id,
      String externalId,
      KlingStatus status,
      String message,
      String result)
      throws IOException {
    KlingNews news = task(body).orElseThrow();

    assertEquals(id, news.klingTaskId());
    assertEquals(externalId, news.externalTaskId());
    assertEquals(status, news.status());
    assertEquals(message, news.message());
    assertEquals(result == null ? null : tree(result), tree(news.result()));
  }

  @ParameterizedTest
  @CsvSource({
    "submitted, SUBMITTED",
    "SUBMITTED, SUBMITTED",
    "queued, SUBMITTED",
    "NOT_START, SUBMITTED",
    "processing, PROCESSING",
    "IN_PROGRESS, PROCESSING",
    "in_progress, PROCESSING",
    "succeed, SUCCEED",
    "succeeded, SUCCEED",
    "completed, SUCCEED",
    "SUCCESS, SUCCEED",
    "failed, FAILED",
    "FAILURE, FAILED",
    "paused, UNKNOWN",
    "canceled, UNKNOWN",
    "'', UNKNOWN"
  })
  void knows_the_words(String word, KlingStatus status) {
    assertEquals(status, KlingStatus.of(word));
  }

  @ParameterizedTest
  @CsvSource({
    "1777385361501, 1777385361501",
    "1777385361, 1777385361000",
    "'\"1777385361501\"', 1777385361501"
  })
  void takes_times_in_ms_and_in_s(String written, long millis) throws IOException {
    KlingNews news =
        task("{\"task_id\":\"1\",\"task_status\":\"succeed\",\"updated_at\":" + written + "}")
            .orElseThrow();

    assertEquals(Instant.ofEpochMilli(millis), news.updatedAt());
  }

  @Test
  void tells_how_long_it_rendered() throws IOException {
    assertEquals(
        Duration.ofMillis(232_400),
        task("{\"task_id\":\"1\",\"task_status\":\"succeed\",\"created_at\":1765500000000,\"updated_at\":1765500232400}")
            .orElseThrow()
            .renderTime());
    assertNull(task("{\"task_id\":\"1\",\"task_status\":\"succeed\"}").orElseThrow().renderTime());
  }

  @Test
  void reads_units_in_both_generations() throws IOException {
    assertEquals(
        new BigDecimal("2.40"),
        task("{\"task_id\":\"1\",\"task_status\":\"succeed\",\"final_unit_deduction\":\"2.40\"}")
            .orElseThrow()
            .units());
    assertEquals(
        new BigDecimal("3.0"),
        task("""
                {"id":"1","status":"succeeded","billing":[{"charge_type":"unit","amount":"2.4"},
                {"charge_type":"cash","amount":"9"},{"charge_type":"unit","amount":"0.6"}]}""")
            .orElseThrow()
            .units());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          "final_unit_deduction":"0" | 0
          "final_unit_deduction":0 | 0
          "final_unit_deduction":"0.00" | 0.00
          "final_unit_deduction":"0","billing":[{"charge_type":"unit","amount":"3"}] | 0
          "billing":[{"amount":"0"}] | 0
          "billing":[{"amount":0}] | 0
          "billing":[{"charge_type":null,"amount":"0"}] | 0
          "billing":[{"charge_type":"cash","amount":"0"}] | 0
          "billing":[{"amount":"0"},{"charge_type":"unit","amount":"1.5"}] | 1.5
          "data":{"task_id":"1","task_status":"failed","final_unit_deduction":"0"} | 0
          "billing":[{"amount":"3"}] |
          "billing":[{"charge_type":"cash","amount":"3"}] |
          "billing":[{}] |
          "billing":[] |
          "billing":null |
          "final_unit_deduction":null |
          "final_unit_deduction":"" |
          "x":1 |
          """)
  void zero_and_unknown_are_two_things(String members, @Nullable BigDecimal units)
      throws IOException {
    assertEquals(
        units,
        task("{\"task_id\":\"1\",\"task_status\":\"failed\"," + members + "}")
            .orElseThrow()
            .units());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          "final_balance_deduction":{"quota":"0.42","list_price":"0.50"} | | 0.42 |
          "final_unit_deduction":"0","final_balance_deduction":{"quota":"0.42","list_price":"0.50"} | | 0.42 |
          "final_unit_deduction":"3","final_balance_deduction":{"quota":"0","list_price":"0"} | 3 | |
          "final_balance_deduction":{"quota":"0"} | | 0 |
          "billing":[{"charge_type":"cash","amount":"0.42","currency":"CNY","cash_type":"balance"}] | | 0.42 | CNY
          "billing":[{"charge_type":"cash","amount":"1","currency":"USD"},{"charge_type":"cash","amount":"2","currency":"USD"}] | | 3 | USD
          "billing":[{"charge_type":"cash","amount":"1","currency":"USD"},{"charge_type":"cash","amount":"2","currency":"CNY"}] | | |
          "billing":[{"charge_type":"unit","amount":"1.5"},{"charge_type":"cash","amount":"2","currency":"USD"}] | 1.5 | 2 | USD
          "billing":[{"charge_type":"cash","amount":"2","currency":"a lot"}] | | 2 |
          "billing":[{"charge_type":"cash","amount":"0.42","currency":"USD"},{"charge_type":"cash","amount":"0","currency":"USD","cash_type":"test_balance"}] | | 0.42 | USD
          "billing":[{"charge_type":"cash","amount":"0.42","currency":"USD"},{"charge_type":"unit","amount":"0"}] | | 0.42 | USD
          "billing":[{"charge_type":"cash","amount":"1","currency":"USD"},{"charge_type":"cash","amount":"0","currency":"CNY"}] | | |
          "billing":[{"charge_type":"cash","amount":"a"},{"charge_type":"cash","amount":"0"}] | | |
          "billing":[{"charge_type":"unit","amount":"a"},{"charge_type":"cash","amount":"0"}] | | |
          "billing":[{"charge_type":"unit"},{"charge_type":"unit","amount":"0"}] | | |
          "billing":[{"amount":"3"},{"charge_type":"cash","amount":"0"}] | | |
          "billing":[{"charge_type":"unit","amount":"a"},{"charge_type":"unit","amount":"1"}] | | |
          "billing":[{"charge_type":"cash","amount":"a"},{"charge_type":"cash","amount":"1"}] | | |
          "billing":[{"charge_type":"unit","amount":"a"},{"charge_type":"cash","amount":"1","currency":"USD"}] | | 1 | USD
          "final_unit_deduction":"a","final_balance_deduction":{"quota":"0"} | | |
          "final_unit_deduction":"0","final_balance_deduction":{"quota":"a"} | | |
          "final_unit_deduction":"a","final_balance_deduction":{"quota":"0.42"} | | 0.42 |
          "final_unit_deduction":"3","final_balance_deduction":{"quota":"a"} | 3 | |
          "final_unit_deduction":"","final_balance_deduction":{"quota":"0"} | | 0 |
          "final_unit_deduction":"0","final_balance_deduction":{"quota":null} | 0 | |
          "billing":[{"charge_type":"cash","amount":"-2","currency":"USD"}] | | |
          "final_balance_deduction":{} | | |
          "final_balance_deduction":"x" | | |
          """)
  void money_is_read_beside_units(
      String members,
      @Nullable BigDecimal units,
      @Nullable BigDecimal amount,
      @Nullable String currency)
      throws IOException {
    KlingNews news =
        task("{\"task_id\":\"1\",\"task_status\":\"succeed\"," + members + "}").orElseThrow();

    Charge expected = units == null && amount == null ? null : new Charge(units, amount, currency);
    assertEquals(expected, news.charge());
  }

  @Test
  void reads_lists_of_both_generations() throws IOException {
    String legacy =
        """
        {"code":0,"data":[{"task_id":"1","task_status":"succeed"},{"task_id":"2","task_status":"failed"},{"x":1}]}""";
    String newer =
        """
        {"code":0,"data":{"result":[{"id":"1","status":"succeeded"},{"id":"2","status":"failed"}],"count":2}}""";

    for (String body : List.of(legacy, newer)) {
      assertEquals(
          List.of("1", "2"),
          KlingReader.tasks(parse(body)).stream().map(KlingNews::klingTaskId).toList());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "1",
        "\"task_id\"",
        "{\"task_id\":\"1\"}",
        "{\"task_status\":\"succeed\"}",
        "{\"task_id\":\"1\",\"id\":\"2\",\"status\":\"succeeded\"}",
        "{\"task_id\":1.5,\"task_status\":\"succeed\"}",
        "{\"task_id\":{\"a\":1},\"task_status\":\"succeed\"}",
        "{\"task_id\":null,\"task_status\":\"succeed\"}",
        "{\"task_id\":\"\",\"task_status\":\"succeed\"}",
        "{\"task_id\":\"1\",\"task_status\":[\"succeed\"]}",
        "{\"task_id\":NaN,\"task_status\":\"succeed\"}",
        "{\"code\":1303,\"message\":\"parallel task over resource pack limit\"}"
      })
  void finds_no_task_where_none_is(String body) throws IOException {
    assertEquals(Optional.empty(), task(body));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "{", "{} {}", "{\"a\":1,\"a\":2}", "task_id=1", "\u0000"})
  void refuses_what_is_not_json(String body) {
    assertThrows(IOException.class, () -> parse(body));
  }

  @Test
  void refuses_bytes_that_are_not_utf8_and_depths_that_are_not_kling_s() throws IOException {
    byte[] latin =
        "{\"task_id\":\"1\",\"task_status_msg\":\"caf\u00e9\"}"
            .getBytes(StandardCharsets.ISO_8859_1);
    assertThrows(IOException.class, () -> KlingReader.parse(latin));
    parse("[".repeat(64) + "]".repeat(64));
    assertThrows(IOException.class, () -> parse("[".repeat(65) + "]".repeat(65)));
    assertThrows(IOException.class, () -> parse("[".repeat(100_000)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1E+200000",
        "1e999999",
        "1e99999999999",
        "-1",
        "NaN",
        "1E-200000",
        "0.0000001",
        "1e12",
        "many",
        "",
        "9999999999999",
        "0x10"
      })
  void an_amount_that_cannot_be_one_is_not_known(String amount) throws IOException {
    assertNull(task(succeed("\"final_unit_deduction\":\"" + amount + "\"")).orElseThrow().units());
    assertNull(
        task(succeed("\"billing\":[{\"charge_type\":\"unit\",\"amount\":\"" + amount + "\"}]"))
            .orElseThrow()
            .units());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1E+200000",
        "1e999999",
        "1e99999999999",
        "NaN",
        "-1",
        "1E-200000",
        "1e-99999999999"
      })
  void a_number_that_nothing_holds_is_not_known(String number) throws IOException {
    KlingNews news =
        task(succeed(
                "\"final_unit_deduction\":%1$s,\"updated_at\":%1$s,\"task_result\":{\"n\":%1$s}"
                    .formatted(number)))
            .orElseThrow();
    assertNull(news.units());
    assertNull(news.updatedAt());
    assertEquals(number.equals("-1") ? "{\"n\":-1}" : "{\"n\":null}", news.result());
  }

  @Test
  void digits_without_end_are_not_known() throws IOException {
    for (int length : new int[] {65, 400, 100_000}) {
      String digits = "9".repeat(length);
      KlingNews news =
          task(succeed(
                  "\"final_unit_deduction\":%1$s,\"created_at\":%1$s,\"task_result\":{\"a\":%1$s,\"b\":0.%1$s}"
                      .formatted(digits)))
              .orElseThrow();
      assertNull(news.units());
      assertNull(news.createdAt());
      assertEquals("{\"a\":null,\"b\":null}", news.result());
    }
  }

  @ParameterizedTest
  @CsvSource({"12.50, 12.50", "0, 0", "-0, 0", "1E+2, 1E+2", "999999999999, 999999999999"})
  void amounts_stay_as_they_are_written(String written, BigDecimal units) throws IOException {
    assertEquals(
        units, task(succeed("\"final_unit_deduction\":\"" + written + "\"")).orElseThrow().units());
  }

  @Test
  void the_whole_document_is_cleaned() throws IOException {
    String bad = "x\\u0000\\ud83dy".replace("\\\\", "\\");
    KlingNews news =
        task("{\"task_id\":\"1B\",\"task_status\":\"failedB\",\"task_status_msg\":\"B\",\"task_info\":{\"external_task_id\":\"B\"},\"task_result\":{\"a\\u0000\":[{\"url\":\"B\",\"emoji\":\"\\ud83d\\ude00\"}]}}"
                .replace("B", bad))
            .orElseThrow();
    String clean = "x\uFFFD\uFFFDy";
    assertEquals("1" + clean, news.klingTaskId());
    assertEquals("failed" + clean, news.word());
    assertEquals(KlingStatus.UNKNOWN, news.status());
    assertEquals(clean, news.message());
    assertEquals(clean, news.externalTaskId());
    assertEquals(
        "{\"a\uFFFD\":[{\"url\":\"B\",\"emoji\":\"\uD83D\uDE00\"}]}".replace("B", clean),
        news.result());
  }

  @Test
  void surrogates_written_as_bytes_are_cleaned_too() throws IOException {
    byte[] body =
        "{\"task_id\":\"1\",\"task_status\":\"failed\",\"task_status_msg\":\"###\"}"
            .getBytes(StandardCharsets.UTF_8);
    int at = new String(body, StandardCharsets.ISO_8859_1).indexOf("###");
    body[at] = (byte) 0xED;
    body[at + 1] = (byte) 0xA0;
    body[at + 2] = (byte) 0x80;
    Optional<KlingNews> news;
    try {
      news = KlingReader.task(KlingReader.parse(body));
    } catch (IOException e) {
      return;
    }
    assertEquals("\uFFFD", news.orElseThrow().message());
  }

  @Test
  void words_and_messages_are_cut_and_a_result_beyond_all_measure_is_left_out() throws IOException {
    String body =
        "{\"task_id\":\"1\",\"task_status\":\"%s\",\"task_status_msg\":\"%s\",\"task_result\":{\"a\":\"%s\"}}"
            .formatted("w".repeat(3000), "é".repeat(250_000), "r".repeat(KlingReader.MAX_RESULT));
    KlingNews news = task(body).orElseThrow();
    assertEquals("w".repeat(61) + "…", news.word());
    assertEquals("é".repeat(998) + "…", news.message());
    assertEquals("{\"left_out\":\"the result has 524296 bytes of JSON\"}", news.result());
  }

  @Test
  void a_result_is_bounded_in_bytes() throws IOException {
    assertEquals(
        "{\"left_out\":\"the result has 524301 bytes of JSON\"}",
        task(succeed("\"task_result\":{\"a\":\"" + "€".repeat(174_764) + "x\"}"))
            .orElseThrow()
            .result());
    assertTrue(
        task(succeed("\"task_result\":{\"a\":\"" + "\uD83D\uDE00".repeat(131_070) + "\"}"))
            .orElseThrow()
            .result()
            .endsWith("\uDE00\"}"));
  }

  @Test
  void a_sum_of_units_that_is_too_large_is_not_known() throws IOException {
    String entry = "{\"charge_type\":\"unit\",\"amount\":\"999999999999.999999\"}";
    String body = "\"billing\":[%s]";
    assertEquals(
        new BigDecimal("999999999999.999999"),
        task(succeed(body.formatted(entry))).orElseThrow().units());
    assertNull(task(succeed(body.formatted(entry + "," + entry))).orElseThrow().units());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"\\ud800", "\\udc00x", "x\\ud83d\\ud83d\\ude00", "\\ud800\\u0041", "\\u0000"})
  void names_are_cleaned_too(String name) throws IOException {
    KlingNews news =
        task(succeed("\"task_result\":{\"videos%s\":[1],\"ü\":\"ü\"}".formatted(name)))
            .orElseThrow();
    assertTrue(news.result().contains("\uFFFD"), news.result());
    assertTrue(news.result().endsWith("\"ü\":\"ü\"}"), news.result());
  }

  @Test
  void a_flood_of_values_is_no_body_of_kling_s() {
    assertThrows(IOException.class, () -> parse("[" + "1,".repeat(500_000) + "1]"));
  }

  private static String succeed(String more) {
    return "{\"task_id\":\"1\",\"task_status\":\"succeed\"," + more + "}";
  }

  private static Optional<KlingNews> task(String body) throws IOException {
    return KlingReader.task(parse(body));
  }

  private static JsonNode parse(String body) throws IOException {
    return KlingReader.parse(body.getBytes(StandardCharsets.UTF_8));
  }

  private static JsonNode tree(String json) throws IOException {
    return json == null ? null : new ObjectMapper().readTree(json);
  }
}
