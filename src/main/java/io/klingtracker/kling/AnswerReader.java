package io.klingtracker.kling;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.klingtracker.catalog.AnswerTable;
import org.jspecify.annotations.Nullable;

/** Answers of Kling's in our terms, each as its row of {@link AnswerTable} says. */
final class AnswerReader {

  /** In bytes; a cursor of Kling's has some hundred. */
  private static final int MAX_CURSOR = 2048;

  private static final String NO_TASK = "code 0 without a task in it";

  private AnswerReader() {}

  /**
   * An answer to a create.
   *
   * @param credential what was sent with it
   */
  static CreateAnswer create(KlingAnswer answer, Credential credential) {
    Integer code = answer.code();
    String message = answer.message();
    return switch (answer.row().proof()) {
      case ACCEPTED ->
          KlingReader.created(document(answer))
              .<CreateAnswer>map(CreateAnswer.Accepted::new)
              .orElseGet(() -> new CreateAnswer.Unknown(NO_TASK));
      case EXISTS -> exists(answer);
      case REFUSED -> new CreateAnswer.Refused(code, message);
      case NOT_ARRIVED ->
          switch (answer.row().about()) {
            case SLOTS, RATE -> new CreateAnswer.Throttled(code, message);
            case REQUEST -> new CreateAnswer.TurnedAway(answer.reason());
            case CREDENTIAL -> accountRefused(code, message, credential);
            case ACCOUNT, FAMILY, MODEL -> accountRefused(code, message, null);
          };
      case IN_DOUBT -> new CreateAnswer.Unknown(answer.reason());
    };
  }

  private static CreateAnswer exists(KlingAnswer answer) {
    String id = answer.row().id(answer.message());
    Integer code = answer.code();
    return id == null || code == null
        ? new CreateAnswer.Unknown(answer.reason())
        : new CreateAnswer.Exists(code, id, answer.message());
  }

  private static CreateAnswer accountRefused(
      @Nullable Integer code, String message, @Nullable Credential credential) {
    // Only codes say whose fault it is; a status alone concerns its request.
    return code == null
        ? new CreateAnswer.TurnedAway(message)
        : new CreateAnswer.AccountRefused(code, message, credential);
  }

  /** An answer to a question for one task. */
  static QueryAnswer query(KlingAnswer answer) {
    return switch (answer.row().question()) {
      case FOUND -> found(document(answer));
      case NOT_FOUND -> new QueryAnswer.NotFound(answer.message());
      case NO_ROUTE, NO_ANSWER -> new QueryAnswer.NoAnswer(answer.reason());
    };
  }

  private static QueryAnswer found(JsonNode body) {
    if (body.path("data").isArray() && body.path("data").isEmpty()) {
      // The newer generation leaves out what it does not know, and calls that no error.
      return new QueryAnswer.NotFound("Kling lists no such task");
    }
    return KlingReader.task(body)
        .<QueryAnswer>map(QueryAnswer.Found::new)
        .orElseGet(() -> new QueryAnswer.NoAnswer(NO_TASK));
  }

  /** An answer to a question for many tasks. */
  static ListAnswer list(KlingAnswer answer) {
    return switch (answer.row().question()) {
      case FOUND -> page(document(answer));
      case NOT_FOUND, NO_ROUTE -> new ListAnswer.NoList(answer.reason());
      case NO_ANSWER -> new ListAnswer.NoAnswer(answer.reason());
    };
  }

  private static ListAnswer page(JsonNode body) {
    JsonNode data = body.path("data");
    String next = data.path("next_cursor").asText("");
    boolean more =
        data.path("has_more").asBoolean(false) && !next.isEmpty() && next.length() <= MAX_CURSOR;
    return new ListAnswer.Found(KlingReader.tasks(body), more ? next : null);
  }

  private static JsonNode document(KlingAnswer answer) {
    JsonNode document = answer.document();
    return document == null ? MissingNode.getInstance() : document;
  }
}
