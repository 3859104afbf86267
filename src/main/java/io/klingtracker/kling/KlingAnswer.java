package io.klingtracker.kling;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.catalog.AnswerTable;
import io.klingtracker.text.ForeignText;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/**
 * An answer to any of our calls, read once.
 *
 * @param status its HTTP status
 * @param body as it came
 * @param document null when it is no JSON object
 * @param code Kling's, as a number or as a text of one; null when there is none
 * @param message Kling's, cleaned, or what came instead of one
 * @param row what it means
 * @param date Kling's clock, by its header; null when there is none
 */
record KlingAnswer(
    int status,
    Buffer body,
    @Nullable JsonNode document,
    @Nullable Integer code,
    String message,
    AnswerTable.Row row,
    @Nullable Instant date) {

  /** Of a content type, in bytes. */
  private static final int MAX_TYPE = 100;

  /**
   * Reads an answer.
   *
   * @param contentType as its header says, which decides nothing; null when there is none
   */
  static KlingAnswer of(int status, @Nullable String contentType, Buffer body) {
    return of(status, contentType, null, body);
  }

  /**
   * The same, with its time.
   *
   * @param date as its header says; null when there is none
   */
  static KlingAnswer of(
      int status, @Nullable String contentType, @Nullable String date, Buffer body) {
    JsonNode document = document(body);
    Integer code = document == null ? null : code(document.get("code"));
    if (code == null && document != null && isDone(status, document)) {
      code = 0;
    }
    String message = document == null ? "" : message(document.get("message"));
    AnswerTable.Row row = AnswerTable.builtIn().of(status, code, message);
    if (message.isEmpty()) {
      message =
          code == null
              ? "HTTP %s and no words of Kling's (%s, %s bytes)"
                  .formatted(status, type(contentType), body.length())
              : "HTTP " + status;
    }
    return new KlingAnswer(status, body, document, code, message, row, time(date));
  }

  private static @Nullable Instant time(@Nullable String date) {
    try {
      return date == null
          ? null
          : DateTimeFormatter.RFC_1123_DATE_TIME.parse(date.strip(), Instant::from);
    } catch (DateTimeException e) {
      return null;
    }
  }

  private static String message(@Nullable JsonNode message) {
    return message == null || message.isNull() || message.isContainerNode()
        ? ""
        : ForeignText.clean(message.asText(), KlingReader.MAX_MESSAGE);
  }

  private static String type(@Nullable String contentType) {
    return contentType == null || contentType.isBlank()
        ? "no content type"
        : ForeignText.clean(contentType, MAX_TYPE);
  }

  /** What names a task is an answer of Kling's, also from a front that leaves the code out. */
  private static boolean isDone(int status, JsonNode document) {
    return status / 100 == 2 && KlingReader.task(document).isPresent();
  }

  private static @Nullable JsonNode document(Buffer body) {
    try {
      JsonNode document = KlingReader.parse(body.getBytes());
      return document.isObject() ? document : null;
    } catch (IOException e) {
      return null;
    }
  }

  private static @Nullable Integer code(@Nullable JsonNode code) {
    if (code == null || code.isContainerNode() || code.isBoolean() || code.isNull()) {
      return null;
    }
    try {
      return Integer.valueOf(code.isIntegralNumber() ? code.asText() : code.asText().strip());
    } catch (NumberFormatException e) {
      return null;
    }
  }

  /** For people: the code where there is one, and the words. */
  String reason() {
    return code == null ? message : "code " + code + ": " + message;
  }
}
