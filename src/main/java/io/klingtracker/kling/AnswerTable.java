package io.klingtracker.kling;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What an answer means: the one table of Kling's codes and texts, and of the HTTP statuses of what
 * is in front of Kling and does not use its words. The first row that fits decides; {@code
 * src/docs/dispatch.md} shows the rows, and a test keeps both alike.
 *
 * <p>Sources: Kling's published error codes (read 2026-09), and texts seen live until 2026-10.
 */
public final class AnswerTable {

  private AnswerTable() {}

  /** What an answer to a create proves. */
  public enum Proof {
    /** Kling has the task. */
    ACCEPTED,
    /** Kling has a task with the {@code external_task_id} that it names. */
    EXISTS,
    /** Not accepted; sending the same again would change nothing. */
    REFUSED,
    /** Certainly not accepted; the same may be sent again. */
    NOT_ARRIVED,
    /** It may have been accepted. */
    IN_DOUBT
  }

  /** Whom an answer concerns beside the request itself. */
  public enum About {
    /** This request alone. */
    REQUEST,
    /** The credential that was sent; another of the same account may do. */
    CREDENTIAL,
    /** The whole account. */
    ACCOUNT,
    /** The resource packs of one family of products. */
    FAMILY,
    /** One model, or one API. */
    MODEL,
    /** The parallel slots of one model version. */
    SLOTS,
    /** How much is sent at the moment, whatever it is. */
    RATE
  }

  /** What an answer to a question for tasks says. */
  public enum Question {
    /** What was asked for. */
    FOUND,
    /** Kling knows no such task. */
    NOT_FOUND,
    /** Not to be asked in this way; another way may do. */
    NO_ROUTE,
    /** Nothing; ask again. */
    NO_ANSWER
  }

  /**
   * A row.
   *
   * @param from the first code, or the first HTTP status, that it is for; for texts of any code 1
   * @param to the last
   * @param text null for any; {@code …} means anything, {@code <id>} for an id; letter case does
   *     not matter
   * @param proof what it proves of a create
   * @param about whom it concerns
   * @param question what it says to a question
   * @param meaning in words
   */
  public record Row(
      int from,
      int to,
      @Nullable String text,
      Proof proof,
      About about,
      Question question,
      String meaning,
      @Nullable Pattern pattern) {

    private Row(
        int from,
        int to,
        @Nullable String text,
        Proof proof,
        About about,
        Question question,
        String meaning) {
      this(from, to, text, proof, about, question, meaning, text == null ? null : compiled(text));
    }

    private static Pattern compiled(String text) {
      StringBuilder regex = new StringBuilder();
      for (String part : text.split("(?<=…|<id>)|(?=…|<id>)")) {
        regex.append(
            switch (part) {
              case "…" -> ".*";
              case "<id>" -> "[\"'`]?(?<id>\\S+?)[\"'`]?";
              default -> Pattern.quote(part);
            });
      }
      return Pattern.compile(
          "\\s*" + regex + "\\s*\\.?\\s*", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    }

    private boolean is(int number) {
      return from <= number && number <= to;
    }

    private boolean says(String message) {
      return pattern == null || pattern.matcher(message).matches();
    }

    /** The id in a message that this row's text fits; null when the text has no place for one. */
    @Nullable String id(String message) {
      if (pattern == null || text == null || !text.contains("<id>")) {
        return null;
      }
      Matcher matcher = pattern.matcher(message);
      return matcher.matches() ? matcher.group("id") : null;
    }
  }

  /** A text of any code, and of none. */
  private static final int ANY = Integer.MIN_VALUE;

  private static final List<Row> CODES =
      List.of(
          code(0, Proof.ACCEPTED, Question.FOUND, "done; a task that failed is reported as failed"),
          // By whatever code: neither is ever back.
          text(
              "This API is no longer available…", Question.NO_ROUTE, "an API that is switched off"),
          text("…has been discontinued…", Question.NO_ANSWER, "a model that is switched off"),
          failed(1000, null, "the credential is not taken"),
          failed(1001, "Authorization is empty", "no credential arrived"),
          failed(1001, null, "no credential arrived"),
          failed(1002, "api key not found", "no such key here, or a JWT where a key is asked for"),
          failed(1002, null, "the credential cannot be read"),
          failed(1003, null, "a JWT that is not valid yet: the clocks differ"),
          failed(1004, null, "a JWT that is not valid any more"),
          operator(1100, About.ACCOUNT, null, "the account is not in order"),
          operator(1101, About.ACCOUNT, null, "the account is in arrears"),
          operator(1102, About.FAMILY, "Account balance not enough", "no units left, of this pack"),
          operator(1102, About.FAMILY, null, "the resource pack is empty or has expired"),
          operator(1103, About.MODEL, null, "no right to this API or model"),
          refused(1200, null, Question.NO_ROUTE, "the request is not in order"),
          new Row(
              1201,
              1201,
              "…External_task_id <id> already exists",
              Proof.EXISTS,
              About.REQUEST,
              Question.NO_ROUTE,
              "accepted before, where the id is ours to the letter; refused where it is another"),
          new Row(
              1201,
              1201,
              "…External_id <id> already exists",
              Proof.EXISTS,
              About.REQUEST,
              Question.NO_ROUTE,
              "the same in the newer generation's words"),
          new Row(
              1201,
              1201,
              "External_task_id already exists…",
              Proof.IN_DOUBT,
              About.REQUEST,
              Question.NO_ROUTE,
              "which id is not said: ours is asked for"),
          refused(
              1201,
              "…already exists",
              Question.NO_ROUTE,
              "a name that is taken, such as an element's; says nothing of our task"),
          refused(1201, "Task not found…", Question.NOT_FOUND, "no task with this id"),
          refused(
              1201,
              "task_ids or external_task_ids is required",
              Question.NO_ROUTE,
              "not to be asked for in this way"),
          refused(
              1201,
              "…cannot exceed 20 in total",
              Question.NO_ROUTE,
              "too many ids in one question"),
          refused(1201, null, Question.NO_ROUTE, "a field or its value is not in order"),
          refused(1202, null, Question.NO_ROUTE, "not a method of this path"),
          refused(1203, null, Question.NOT_FOUND, "no such resource, model or task"),
          refused(1300, null, Question.NO_ANSWER, "against the platform's policy"),
          refused(1301, null, Question.NO_ANSWER, "against the policy on contents"),
          new Row(
              1302,
              1302,
              null,
              Proof.NOT_ARRIVED,
              About.RATE,
              Question.NO_ANSWER,
              "too many requests in a span of time"),
          new Row(
              1303, 1303, null, Proof.NOT_ARRIVED, About.SLOTS, Question.NO_ANSWER, "no slot free"),
          operator(1304, About.ACCOUNT, null, "our address is not on the account's white list"),
          doubt(5000, "an error of Kling's"),
          new Row(
              5001, 5001, null, Proof.NOT_ARRIVED, About.RATE, Question.NO_ANSWER, "maintenance"),
          doubt(5002, "Kling was too slow"),
          text("Failure to pass the risk control system", Question.NO_ANSWER, "as 1301"),
          text(
              "Something went wrong when we tried to get the contents of the file",
              Question.NO_ANSWER,
              "a file that Kling cannot fetch"),
          text("model is not supported", Question.NO_ANSWER, "a model that this API does not take"),
          text(
              "…is not supported with image_tail",
              Question.NO_ANSWER,
              "fields that exclude each other"),
          text(
              "Image tail is not supported by the current model",
              Question.NO_ANSWER,
              "fields that exclude each other"),
          text("image can not be null", Question.NO_ANSWER, "a field that is missing"),
          text("File is not in a valid base64 format", Question.NO_ANSWER, "a file that is none"),
          text("…value '…' is invalid", Question.NO_ANSWER, "a value that is not taken"),
          // What is not published goes by its neighbours.
          new Row(
              1005,
              1099,
              null,
              Proof.NOT_ARRIVED,
              About.CREDENTIAL,
              Question.NO_ANSWER,
              "not published; as its neighbours"),
          new Row(
              1104,
              1199,
              null,
              Proof.NOT_ARRIVED,
              About.ACCOUNT,
              Question.NO_ANSWER,
              "not published; as its neighbours"),
          new Row(
              1204,
              1299,
              null,
              Proof.REFUSED,
              About.REQUEST,
              Question.NO_ROUTE,
              "not published; as its neighbours"),
          new Row(
              1305,
              1399,
              null,
              Proof.REFUSED,
              About.REQUEST,
              Question.NO_ANSWER,
              "not published; as its neighbours"),
          new Row(
              5003,
              5099,
              null,
              Proof.IN_DOUBT,
              About.REQUEST,
              Question.NO_ANSWER,
              "not published; as its neighbours"));

  /** For what has no code of the table above, and no text of it. */
  private static final List<Row> STATUSES =
      List.of(
          status(200, 299, Proof.IN_DOUBT, "nobody knows who answered"),
          status(300, 399, Proof.NOT_ARRIVED, "a redirect; none is followed"),
          status(404, 405, Proof.NOT_ARRIVED, Question.NO_ROUTE, "no such path, here or for now"),
          status(408, 408, Proof.IN_DOUBT, "somebody waited in vain, maybe for Kling"),
          status(410, 410, Proof.NOT_ARRIVED, Question.NO_ROUTE, "no such path any more"),
          status(413, 414, Proof.REFUSED, "too large, however often it is sent"),
          new Row(
              429,
              429,
              null,
              Proof.NOT_ARRIVED,
              About.RATE,
              Question.NO_ANSWER,
              "a gateway has had enough for now"),
          status(431, 431, Proof.REFUSED, "too large, however often it is sent"),
          // nginx and an AWS balancer, about us having gone while Kling was at work.
          status(460, 460, Proof.IN_DOUBT, "a gateway takes us for gone"),
          status(499, 499, Proof.IN_DOUBT, "a gateway takes us for gone"),
          status(400, 498, Proof.NOT_ARRIVED, "turned away before Kling"),
          status(
              Integer.MIN_VALUE,
              Integer.MAX_VALUE,
              Proof.IN_DOUBT,
              "it may have broken behind Kling's door"));

  private static Row code(int code, Proof proof, Question question, String meaning) {
    return new Row(code, code, null, proof, About.REQUEST, question, meaning);
  }

  private static Row doubt(int code, String meaning) {
    return code(code, Proof.IN_DOUBT, Question.NO_ANSWER, meaning);
  }

  private static Row text(String text, Question question, String meaning) {
    return new Row(ANY, ANY, text, Proof.REFUSED, About.REQUEST, question, meaning);
  }

  private static Row refused(int code, @Nullable String text, Question question, String meaning) {
    return new Row(code, code, text, Proof.REFUSED, About.REQUEST, question, meaning);
  }

  private static Row failed(int code, @Nullable String text, String meaning) {
    return operator(code, About.CREDENTIAL, text, meaning);
  }

  private static Row operator(int code, About about, @Nullable String text, String meaning) {
    return new Row(code, code, text, Proof.NOT_ARRIVED, about, Question.NO_ANSWER, meaning);
  }

  private static Row status(int from, int to, Proof proof, String meaning) {
    return status(from, to, proof, Question.NO_ANSWER, meaning);
  }

  private static Row status(int from, int to, Proof proof, Question question, String meaning) {
    return new Row(from, to, null, proof, About.REQUEST, question, meaning);
  }

  /** The rows by code and text, in their order. */
  public static List<Row> codes() {
    return CODES;
  }

  /** The rows by HTTP status, in their order. */
  public static List<Row> statuses() {
    return STATUSES;
  }

  /**
   * The row that decides.
   *
   * @param status the HTTP status
   * @param code Kling's, or null when there is none
   * @param message Kling's, or empty
   */
  static Row of(int status, @Nullable Integer code, String message) {
    for (Row row : CODES) {
      boolean fits = row.from() == ANY ? code == null || code != 0 : code != null && row.is(code);
      if (fits && row.says(message)) {
        return row;
      }
    }
    return STATUSES.stream().filter(row -> row.is(status)).findFirst().orElseThrow();
  }

  /** Whom a code concerns, whatever it says; one that is not in the table concerns the request. */
  public static About about(int code) {
    return CODES.stream()
        .filter(row -> row.pattern() == null && row.is(code))
        .findFirst()
        .map(Row::about)
        .orElse(About.REQUEST);
  }

  /** Whether a code is one of Kling's, published or next to such. */
  public static boolean isKnown(int code) {
    return CODES.stream().anyMatch(row -> row.pattern() == null && row.is(code));
  }
}
