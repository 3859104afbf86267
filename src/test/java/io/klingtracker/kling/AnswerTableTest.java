package io.klingtracker.kling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.AnswerTable;
import io.klingtracker.catalog.AnswerTable.Row;
import io.vertx.core.buffer.Buffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The docs show the table as it is, and questions are answered by it too. */
class AnswerTableTest {

  @Test
  void the_docs_show_every_row() throws Exception {
    String docs = Files.readString(Path.of("src/docs/dispatch.md"));
    String codes =
        AnswerTable.builtIn().codes().stream()
            .map(
                row ->
                    "| %s | %s | %s |"
                        .formatted(
                            row.from() == Integer.MIN_VALUE ? "any" : span(row),
                            row.text() == null ? "" : "`" + row.text() + "`",
                            meaning(row)))
            .collect(Collectors.joining("\n"));
    String statuses =
        AnswerTable.builtIn().statuses().stream()
            .map(
                row ->
                    "| %s | %s |"
                        .formatted(
                            row.from() == Integer.MIN_VALUE ? "other" : span(row), meaning(row)))
            .collect(Collectors.joining("\n"));

    assertTrue(docs.contains(codes), "src/docs/dispatch.md should have\n" + codes);
    assertTrue(docs.contains(statuses), "src/docs/dispatch.md should have\n" + statuses);
  }

  private static String span(Row row) {
    return row.from() == row.to() ? "" + row.from() : row.from() + "–" + row.to();
  }

  private static String meaning(Row row) {
    return "%s | %s | %s | %s"
        .formatted(word(row.proof()), word(row.about()), word(row.question()), row.meaning());
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  @ParameterizedTest
  @CsvSource({
    "200, 0, SUCCEED, Unknown",
    "401, 1000, wrong, AccountRefused",
    "401, 1001, empty, AccountRefused",
    "401, 1002, invalid, AccountRefused",
    "429, 1100, abnormal, AccountRefused",
    "429, 1101, arrears, AccountRefused",
    "429, 1102, Account balance not enough, AccountRefused",
    "403, 1103, no right, AccountRefused",
    "400, 1200, invalid, Refused",
    "400, 1201, duration value '99' is invalid, Refused",
    "400, 1201, External_task_id task_1 already exists, Exists",
    "400, 1201, external_task_id 'task_1' already exists., Exists",
    "400, 1201, External_id task_1 already exists, Exists",
    "400, 1201, External_task_id task_12 already exists, Refused",
    "400, 1201, External_task_id task_ already exists, Refused",
    "400, 1201, External_task_id TASK_1 already exists, Refused",
    "400, 1201, The external_task_id task_1 already exists, Exists",
    "400, 1201, External_task_id already exists, Unknown",
    "400, 1201, External_task_id already exists: task_1, Unknown",
    "400, 1201, element_name task_1 already exists, Refused",
    "400, 1201, Element Ann already exists, Refused",
    "400, 1201, the element 'External_task_id' already exists, Refused",
    "400, 1201, Task not found by id/external id: 7, Refused",
    "404, 1202, method, Refused",
    "401, 1001, Authorization is empty, AccountRefused",
    "401, 1002, api key not found, AccountRefused",
    "401, 1003, not yet, AccountRefused",
    "401, 1004, expired, AccountRefused",
    "401, 1005, new in this class, AccountRefused",
    "429, 1101, in arrears, AccountRefused",
    "429, 1150, new in this class, AccountRefused",
    "400, 1250, new in this class, Refused",
    "400, 1350, new in this class, Refused",
    "500, 5003, new in this class, Unknown",
    "400, 1201, This API is no longer available, Refused",
    "403, 1103, This API is no longer available, Refused",
    "410, 4100, This API is no longer available., Refused",
    "400, 9999, model is not supported, Refused",
    "400, 9999, model/mode/duration(kling-v2-5-turbo/std/10) is not supported with image_tail, Refused",
    "400, 9999, Failure to pass the risk control system, Refused",
    "400, 9999, new and not said to be final, TurnedAway",
    "200, 9999, new and not said to be final, Unknown",
    "500, 9999, new and not said to be final, Unknown",
    "403, 403, Forbidden, TurnedAway",
    "502, 502, Bad Gateway, Unknown",
    "404, 1203, no such model, Refused",
    "400, 1300, policy, Refused",
    "400, 1301, content, Refused",
    "429, 1302, too many, Throttled",
    "429, 1303, parallel task over resource pack limit, Throttled",
    "200, 1303, over, Throttled",
    "429, 1304, not on the white list, AccountRefused",
    "500, 5000, internal, Unknown",
    "503, 5001, maintenance, Throttled",
    "504, 5002, backlog, Unknown",
    "400, 7777, The model 'kling-v1' has been discontinued and is no longer available., Refused",
  })
  void kling_s_code_decides(int httpStatus, int code, String message, String expected) {
    String body = "{\"code\":%d,\"message\":\"%s\",\"request_id\":\"r\"}".formatted(code, message);

    assertEquals(expected, create(httpStatus, body).about("task_1").getClass().getSimpleName());
  }

  @ParameterizedTest
  @CsvSource({
    "200, Unknown", "201, Unknown", "204, Unknown", "300, TurnedAway", "301, TurnedAway",
    "302, TurnedAway", "307, TurnedAway", "308, TurnedAway", "400, TurnedAway", "401, TurnedAway",
    "403, TurnedAway", "404, TurnedAway", "405, TurnedAway", "407, TurnedAway", "408, Unknown",
    "409, TurnedAway", "410, TurnedAway", "413, Refused", "414, Refused", "415, TurnedAway",
    "421, TurnedAway", "429, Throttled", "431, Refused", "451, TurnedAway", "460, Unknown",
    "499, Unknown", "500, Unknown", "502, Unknown", "503, Unknown", "504, Unknown",
    "520, Unknown", "599, Unknown"
  })
  void without_words_of_kling_s_the_status_decides(int httpStatus, String expected) {
    for (String page :
        List.of(
            "",
            "<html><head><title>" + httpStatus + "</title></head></html>",
            "[]",
            "null",
            "\"0\"",
            "{\"code\":0",
            "{\"error\":\"denied\"}",
            "{\"code\":null,\"message\":null,\"data\":null}",
            "{\"code\":{},\"message\":[]}",
            "{\"code\":\"denied\",\"message\":\"no\"}")) {
      assertEquals(expected, create(httpStatus, page).getClass().getSimpleName(), page);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'code':0,'message':'','data':{'task_id':'7','task_status':'submitted'}}",
        "{'code':'0','data':{'task_id':'7','task_status':'submitted'}}",
        "{'code':' 0 ','data':{'task_id':7,'task_status':'submitted'}}",
        "{'code':0,'data':{'task_id':'7'}}",
        "{'code':0,'data':{'id':'7'}}",
        "{'code':0,'data':[{'task_id':'7','task_status':'submitted'}]}",
        "{'code':0,'task_id':'7','task_status':'submitted'}",
        "{'code':0,'task_id':'7'}",
        "{'status':200,'code':0,'data':{'task_id':'7','task_status':'submitted'}}",
        "{'data':{'task_id':'7','task_status':'submitted'}}",
        "{'code':'success','data':{'task_id':'7','status':'NOT_START'}}",
        "\ufeff{'code':0,'data':{'task_id':'7','task_status':'submitted'}}",
        "  {'code':0,'data':{'task_id':'7','task_status':'\\u0000'}}",
      })
  void an_odd_answer_is_read(String answer) {
    CreateAnswer.Accepted accepted =
        assertInstanceOf(
            CreateAnswer.Accepted.class, create(200, answer.replace('\'', '"')).about("task_1"));
    assertEquals("7", accepted.news().klingTaskId());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'code':0}",
        "{'code':0,'data':null}",
        "{'code':0,'data':{}}",
        "{'code':0,'data':[]}",
        "{'code':0,'data':'7'}",
        "{'code':0,'data':{'task_status':'submitted'}}",
        "{'code':0,'data':{'task_id':{},'task_status':'submitted'}}",
        "{'code':0,'data':{'task_id':'7','id':'8'}}",
      })
  void done_without_a_task_is_in_doubt(String answer) {
    assertInstanceOf(CreateAnswer.Unknown.class, create(200, answer.replace('\'', '"')));
  }

  @ParameterizedTest
  @CsvSource({
    "{}, Accepted",
    "'{\"external_task_id\":\"task_1\"}', Accepted",
    "'{\"external_task_id\":\"task_2\"}', Unknown",
  })
  void an_answer_about_another_task_leaves_it_unknown(String info, String expected) {
    String body =
        "{\"code\":0,\"data\":{\"task_id\":\"7\",\"task_status\":\"submitted\",\"task_info\":%s}}"
            .formatted(info);

    assertEquals(expected, create(200, body).about("task_1").getClass().getSimpleName());
  }

  private static CreateAnswer create(int status, String body) {
    return AnswerReader.create(
        KlingAnswer.of(status, "text/plain", Buffer.buffer(body)), Credential.API_KEY);
  }

  @ParameterizedTest
  @CsvSource({
    "200, '{\"code\":\"0\",\"data\":{\"task_id\":7,\"task_status\":\"succeed\"}}', Found, Found",
    "200, '{\"data\":{\"task_id\":7,\"task_status\":\"succeed\"}}', Found, Found",
    "200, '{\"code\":0,\"data\":[]}', NotFound, Found",
    "200, '{\"code\":0}', NoAnswer, Found",
    "200, '', NoAnswer, NoAnswer",
    "400, '{\"code\":\"1201\",\"message\":\"Task not found by id/external id: 7\"}', NotFound, NoList",
    "400, '{\"code\":1201,\"message\":\"task_ids or external_task_ids is required\"}', NoAnswer, NoList",
    "400, '{\"code\":1201,\"message\":\"task_ids cannot exceed 20 in total\"}', NoAnswer, NoList",
    "404, '{\"code\":1203,\"message\":\"no such resource\"}', NotFound, NoList",
    "400, '{\"code\":1201,\"message\":\"This API is no longer available\"}', NoAnswer, NoList",
    "404, <html>, NoAnswer, NoList",
    "405, '', NoAnswer, NoList",
    "302, '', NoAnswer, NoAnswer",
    "403, <html>, NoAnswer, NoAnswer",
    "400, '', NoAnswer, NoAnswer",
    "401, '{\"code\":1002,\"message\":\"api key not found\"}', NoAnswer, NoAnswer",
    "503, <html>, NoAnswer, NoAnswer",
  })
  void a_question(int status, String body, String one, String many) {
    KlingAnswer answer = KlingAnswer.of(status, "text/html", Buffer.buffer(body));

    assertEquals(one, AnswerReader.query(answer).getClass().getSimpleName());
    assertEquals(many, AnswerReader.list(answer).getClass().getSimpleName());
  }

  /** Some words of a code do not change whom it concerns. */
  @Test
  void a_code_concerns_somebody() {
    assertEquals(AnswerTable.About.CREDENTIAL, AnswerTable.builtIn().about(1002));
    assertEquals(AnswerTable.About.FAMILY, AnswerTable.builtIn().about(1102));
    assertEquals(AnswerTable.About.MODEL, AnswerTable.builtIn().about(1103));
    assertEquals(AnswerTable.About.ACCOUNT, AnswerTable.builtIn().about(1304));
    assertEquals(AnswerTable.About.SLOTS, AnswerTable.builtIn().about(1303));
    assertEquals(AnswerTable.About.REQUEST, AnswerTable.builtIn().about(403));
  }

  @Test
  void long_words_are_read_in_time() {
    String words = "value '".repeat(280);
    KlingAnswer answer =
        KlingAnswer.of(400, null, Buffer.buffer("{\"code\":7,\"message\":\"" + words + "\"}"));

    assertInstanceOf(
        CreateAnswer.TurnedAway.class, AnswerReader.create(answer, Credential.API_KEY));
  }
}
