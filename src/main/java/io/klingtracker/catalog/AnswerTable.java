package io.klingtracker.catalog;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What an answer means: the rows that {@code errors} of {@code catalog.yaml} has of Kling's codes
 * and texts, and of the HTTP statuses of what is in front of Kling and does not use its words. The
 * first row that fits decides; {@code src/docs/dispatch.md} shows the rows, and a test keeps both
 * alike. An overlay changes what callers are shown of a failure, never this: whether a create may
 * be sent again.
 */
public final class AnswerTable {

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
   * @param from the first code, or the first HTTP status, that it is for; {@link Integer#MIN_VALUE}
   *     for texts of any code and none, and for any other status
   * @param to the last
   * @param text null for any; {@code …} means anything, {@code <id>} an id; letter case does not
   *     matter
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

    private boolean is(int number) {
      return from <= number && number <= to;
    }

    private boolean says(String message) {
      return pattern == null || pattern.matcher(message).matches();
    }

    /** The id in a message that this row's text fits; null when the text has no place for one. */
    public @Nullable String id(String message) {
      if (pattern == null || text == null || !text.contains(ID)) {
        return null;
      }
      Matcher matcher = pattern.matcher(message);
      return matcher.matches() ? matcher.group("id") : null;
    }
  }

  /** A text of any code, and of none. */
  private static final int ANY = Integer.MIN_VALUE;

  private static final String ID = "<id>";

  /** The members of a row that say what an answer means; an overlay has none of them. */
  static final Set<String> MEMBERS = Set.of("proof", "about", "question", "meaning");

  private final List<Row> codes;
  private final List<Row> statuses;

  private AnswerTable(List<Row> codes, List<Row> statuses) {
    this.codes = List.copyOf(codes);
    this.statuses = List.copyOf(statuses);
  }

  /** That of this version of the service. */
  public static AnswerTable builtIn() {
    return Catalog.builtIn().answers();
  }

  /** Reads {@code errors} of the built-in file. */
  static AnswerTable read(CatalogNode errors) {
    Map<String, CatalogNode> messages = errors.need("messages").members();
    List<Row> codes = new ArrayList<>();
    messages.forEach((begin, line) -> text(codes, begin, line, true));
    errors.need("codes").members().forEach((code, line) -> code(codes, code, line));
    messages.forEach((begin, line) -> text(codes, begin, line, false));
    errors.need("neighbours").members().forEach((span, line) -> codes.add(span(span, line)));
    List<Row> statuses = new ArrayList<>();
    errors.need("statuses").members().forEach((span, line) -> statuses.add(span(span, line)));
    return new AnswerTable(codes, statuses);
  }

  /** A code's texts, then the code with whatever text. */
  private static void code(List<Row> rows, String code, CatalogNode line) {
    int number = Integer.parseInt(code);
    Row whole = row(number, number, null, line, null);
    line.get("texts", CatalogNode::members, Map.<String, CatalogNode>of())
        .forEach(
            (text, own) -> {
              own.members(MEMBERS);
              rows.add(row(number, number, text, own, whole));
            });
    rows.add(whole);
  }

  private static void text(List<Row> rows, String begin, CatalogNode line, boolean beforeCodes) {
    if (line.has("proof") && line.get("before-codes", CatalogNode::flag, false) == beforeCodes) {
      rows.add(row(ANY, ANY, line.get("text", CatalogNode::text, begin), line, null));
    }
  }

  /** {@code 400..498}, {@code 429}, or {@code other} for any. */
  private static Row span(String span, CatalogNode line) {
    line.members(MEMBERS);
    if (span.equals("other")) {
      return row(ANY, Integer.MAX_VALUE, null, line, null);
    }
    List<Integer> ends = Stream.of(span.split("\\.\\.")).map(Integer::valueOf).toList();
    return row(ends.get(0), ends.get(ends.size() - 1), null, line, null);
  }

  /** What a row does not say it has of the row that it is more exact than. */
  private static Row row(
      int from, int to, @Nullable String text, CatalogNode line, @Nullable Row other) {
    return new Row(
        from,
        to,
        text,
        other != null && !line.has("proof")
            ? other.proof()
            : of(line.need("proof"), Proof.values()),
        line.get(
            "about",
            about -> of(about, About.values()),
            other == null ? About.REQUEST : other.about()),
        line.get(
            "question",
            question -> of(question, Question.values()),
            other == null ? Question.NO_ANSWER : other.question()),
        line.need("meaning").text(),
        text == null ? null : compiled(text));
  }

  private static <E extends Enum<E>> E of(CatalogNode word, E[] values) {
    List<String> words =
        Stream.of(values)
            .map(value -> value.name().toLowerCase(Locale.ROOT).replace('_', '-'))
            .toList();
    return values[words.indexOf(word.word(words))];
  }

  private static Pattern compiled(String text) {
    StringBuilder regex = new StringBuilder();
    for (String part : text.split("(?<=…|<id>)|(?=…|<id>)")) {
      regex.append(
          switch (part) {
            case "…" -> ".*";
            case ID -> "[\"'`]?(?<id>\\S+?)[\"'`]?";
            default -> Pattern.quote(part);
          });
    }
    return Pattern.compile(
        "\\s*" + regex + "\\s*\\.?\\s*", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
  }

  /** The rows by code and text, in their order. */
  public List<Row> codes() {
    return codes;
  }

  /** The rows by HTTP status, in their order. */
  public List<Row> statuses() {
    return statuses;
  }

  /**
   * The row that decides.
   *
   * @param status the HTTP status
   * @param code Kling's, or null when there is none
   * @param message Kling's, or empty
   */
  public Row of(int status, @Nullable Integer code, String message) {
    for (Row row : codes) {
      boolean fits = row.from() == ANY ? code == null || code != 0 : code != null && row.is(code);
      if (fits && row.says(message)) {
        return row;
      }
    }
    return statuses.stream().filter(row -> row.is(status)).findFirst().orElseThrow();
  }

  /** Whom a code concerns, whatever it says; one that is not in the table concerns the request. */
  public About about(int code) {
    return codes.stream()
        .filter(row -> row.pattern() == null && row.is(code))
        .findFirst()
        .map(Row::about)
        .orElse(About.REQUEST);
  }

  /** Whether a code is one of Kling's, published or next to such. */
  public boolean isKnown(int code) {
    return codes.stream().anyMatch(row -> row.pattern() == null && row.is(code));
  }
}
