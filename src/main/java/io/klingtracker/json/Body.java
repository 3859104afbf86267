package io.klingtracker.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

/**
 * A caller's JSON body, read strictly and kept to the letter: what we do not change leaves us as it
 * came, digit for digit and in its order, because an edit replaces characters and rewrites nothing.
 */
public final class Body {

  /** Deeper than anything Kling documents, shallow enough to walk by recursion. */
  public static final int MAX_DEPTH = 64;

  /** Bounds the tree, which weighs many times the text it was read from. */
  private static final int MAX_TOKENS = 20_000;

  private static final int MAX_DIGITS = 1_000;

  /** Longer texts are read without a second copy of their characters, and of their strings. */
  private static final int LARGE = 1 << 16;

  /** Places behind the point; a {@code double} has no number that needs more. */
  private static final int MAX_SCALE = MAX_DIGITS + 400;

  // Field names are not interned: they are the caller's, and a table of them could be flooded.
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxTokenCount(MAX_TOKENS)
                  .maxNumberLength(MAX_DIGITS)
                  .maxStringLength(Integer.MAX_VALUE)
                  .build())
          .build();

  private static final JsonNodeFactory NODES = JsonNodeFactory.withExactBigDecimals(true);

  private final String text;
  private final ObjectNode root;
  private final Map<String, Span> members;
  private final List<Hole> holes;
  private final int end;

  private Body(String text, ObjectNode root, Map<String, Span> members, List<Hole> holes, int end) {
    this.text = text;
    this.root = root;
    this.members = members;
    this.holes = holes;
    this.end = end;
  }

  /**
   * Reads a request body.
   *
   * @param maxBytes a longer one is refused unread
   * @throws ProblemException {@link ErrorCode#BODY_TOO_LARGE}, or {@link ErrorCode#INVALID_REQUEST}
   *     naming the fault
   */
  public static Body parse(byte[] json, int maxBytes) {
    if (json.length > maxBytes) {
      throw tooLarge(maxBytes);
    }
    return parse(decode(withoutMark(json)));
  }

  /** Editors of some systems begin every text with a byte order mark. */
  private static byte[] withoutMark(byte[] json) {
    boolean marked =
        json.length >= 3
            && json[0] == (byte) 0xEF
            && json[1] == (byte) 0xBB
            && json[2] == (byte) 0xBF;
    return marked ? Arrays.copyOfRange(json, 3, json.length) : json;
  }

  /**
   * Reads a body that was accepted before, such as a stored one.
   *
   * @throws ProblemException {@link ErrorCode#INVALID_REQUEST}, naming the fault
   */
  public static Body parse(String text) {
    boolean large = text.length() > LARGE;
    try (JsonParser parser =
        large ? JSON.createParser(new StringReader(text)) : JSON.createParser(text.toCharArray())) {
      return new Reader(text, parser, large).read();
    } catch (StreamConstraintsException e) {
      throw invalid(limit(e));
    } catch (JsonProcessingException e) {
      throw invalid("is not valid JSON: " + firstLine(e.getOriginalMessage()) + at(e));
    } catch (IOException e) {
      throw invalid("is not valid JSON");
    }
  }

  /** The refusal of a body over its limit, for those who stop reading before the end. */
  public static ProblemException tooLarge(int maxBytes) {
    return new ProblemException(
        ErrorCode.BODY_TOO_LARGE,
        "The request body is larger than " + maxBytes + " bytes, the most this path takes.");
  }

  /** The body as it came. */
  public String text() {
    return text;
  }

  /** The body as a tree; not to be changed. Numbers are exact. */
  public ObjectNode root() {
    return root;
  }

  /** A member of the root; a missing node if there is none or it is {@link Empty}. */
  public JsonNode get(String name) {
    JsonNode value = root.get(name);
    return value == null || Empty.is(value) ? MissingNode.getInstance() : value;
  }

  /**
   * The body without its {@link Empty} members.
   *
   * @param names the members of the root that are looked at, all through; others stay as they came
   */
  public Body withoutEmpty(Set<String> names) {
    List<Hole> dropped = new ArrayList<>();
    for (Map.Entry<String, Span> member : members.entrySet()) {
      if (names.contains(member.getKey())) {
        Span span = member.getValue();
        holes.stream().filter(hole -> hole.isIn(span)).forEach(dropped::add);
      }
    }
    return dropped.isEmpty() ? this : parse(without(dropped));
  }

  /** The text without some members, and without the commas that parted them from others. */
  private String without(List<Hole> dropped) {
    dropped.sort(Comparator.comparingInt(Hole::start));
    StringBuilder kept = new StringBuilder(text.length());
    int copied = 0;
    for (Hole hole : dropped) {
      if (hole.start < copied) {
        // Inside of one that has gone.
        continue;
      }
      int before = hole.start - 1;
      while (before >= copied && Character.isWhitespace(text.charAt(before))) {
        before--;
      }
      if (before >= copied && text.charAt(before) == ',') {
        kept.append(text, copied, before);
        copied = hole.end;
        continue;
      }
      // The first that is left of its object: the comma behind it goes.
      kept.append(text, copied, hole.start);
      int after = hole.end;
      while (Character.isWhitespace(text.charAt(after))) {
        after++;
      }
      copied = text.charAt(after) == ',' ? after + 1 : hole.end;
    }
    return kept.append(text, copied, text.length()).toString();
  }

  /** A copy of the text in which some values are others. */
  public Edit edit() {
    return new Edit();
  }

  private static String decode(byte[] json) {
    if (isAscii(json)) {
      return new String(json, StandardCharsets.ISO_8859_1);
    }
    try {
      CharBuffer chars =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(ByteBuffer.wrap(json));
      return chars.toString();
    } catch (CharacterCodingException e) {
      throw invalid("is not valid UTF-8");
    }
  }

  private static boolean isAscii(byte[] json) {
    for (byte one : json) {
      if (one < 0) {
        return false;
      }
    }
    return true;
  }

  private static String limit(StreamConstraintsException e) {
    String message = String.valueOf(e.getMessage());
    if (message.contains("nesting depth")) {
      return "is nested deeper than " + MAX_DEPTH + " levels";
    }
    if (message.contains("Token count")) {
      return "has more than " + MAX_TOKENS + " values and names";
    }
    return message.contains("Number")
        ? "has a number of more than " + MAX_DIGITS + " digits"
        : "is past a limit of JSON we read";
  }

  private static String firstLine(String message) {
    return Excerpts.shorten(message.lines().findFirst().orElse("unreadable").strip(), 160);
  }

  private static String at(JsonProcessingException e) {
    return e.getLocation() == null
        ? ""
        : " (line %s, column %s)"
            .formatted(e.getLocation().getLineNr(), e.getLocation().getColumnNr());
  }

  private static ProblemException invalid(String fault) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, "The request body " + fault + ".");
  }

  /** Gathers changes and writes the text once; what no change covers is copied as it is. */
  public final class Edit {

    private final NavigableMap<Integer, Change> changes = new TreeMap<>();
    private final StringBuilder added = new StringBuilder();

    /** Sets a member of the root to some text; one that is not there goes to the end. */
    public Edit set(String name, String value) {
      return setRaw(name, quoted(value));
    }

    /** Sets a member of the root to some JSON. */
    public Edit setRaw(String name, String json) {
      Span span = members.get(name);
      if (span != null) {
        changes.put(span.start, new Change(span.end, json));
      } else {
        if (!members.isEmpty() || added.length() > 0) {
          added.append(',');
        }
        added.append(quoted(name)).append(':').append(json);
      }
      return this;
    }

    /** Sets a member of an object that is, or becomes, a member of the root. */
    public Edit setIn(String object, Map<String, String> values) {
      Span span = members.get(object);
      boolean there = span != null && root.path(object).isObject();
      Edit inner =
          parse(span != null && there ? text.substring(span.start, span.end) : "{}").edit();
      values.forEach(inner::set);
      return setRaw(object, inner.text());
    }

    /** Gives a member of the root another name and value. */
    public Edit replace(String name, String newName, String value) {
      Span span = Objects.requireNonNull(members.get(name), name);
      changes.put(span.name, new Change(span.nameEnd, quoted(newName)));
      changes.put(span.start, new Change(span.end, quoted(value)));
      return this;
    }

    /** Writes a member of the root as text, if it is a whole number: {@code 5} as {@code "5"}. */
    public Edit quoteWhole(String name) {
      Span span = members.get(name);
      if (span != null && root.path(name).isIntegralNumber()) {
        quote(span.start, span.end);
      }
      return this;
    }

    /** The same, in the objects of an array that is a member of the root. */
    public Edit quoteWhole(String array, String name) {
      Span span = members.get(array);
      if (span == null || !root.path(array).isArray()) {
        return this;
      }
      try (JsonParser parser = JSON.createParser(text.substring(span.start, span.end))) {
        int depth = 0;
        for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
          if (token.isStructStart()) {
            depth++;
          } else if (token.isStructEnd()) {
            depth--;
          } else if (depth == 2
              && token == JsonToken.VALUE_NUMBER_INT
              && name.equals(parser.currentName())) {
            int start = span.start + (int) parser.currentTokenLocation().getCharOffset();
            quote(start, start + parser.getTextLength());
          }
        }
        return this;
      } catch (IOException e) {
        throw new IllegalStateException("this was read before", e);
      }
    }

    private void quote(int start, int end) {
      changes.put(start, new Change(end, quoted(text.substring(start, end))));
    }

    /** The text with its changes. */
    public String text() {
      StringBuilder result = new StringBuilder(text.length() + 256);
      int copied = 0;
      for (Map.Entry<Integer, Change> change : changes.entrySet()) {
        result.append(text, copied, change.getKey()).append(change.getValue().text);
        copied = change.getValue().end;
      }
      result.append(text, copied, end).append(added);
      return result.append(text, end, text.length()).toString();
    }

    private static String quoted(String value) {
      return '"' + String.valueOf(JsonStringEncoder.getInstance().quoteAsString(value)) + '"';
    }
  }

  /** What replaces the original from some position to this end. */
  private record Change(int end, String text) {}

  /** The position of a member, name and value, whose value is empty. */
  private record Hole(int start, int end) {
    boolean isIn(Span member) {
      return start >= member.name && end <= member.end;
    }
  }

  /** The position of a member in the text: its name with quotes, and its value. */
  private record Span(int name, int nameEnd, int start, int end) {}

  /** One pass over the tokens: builds the tree and notes where the root's members are. */
  private static final class Reader {

    private final String text;
    private final JsonParser parser;
    private final boolean large;
    private final List<Hole> holes = new ArrayList<>();

    /** Where the string ends that was read last. */
    private int stringEnd;

    Reader(String text, JsonParser parser, boolean large) {
      this.text = text;
      this.parser = parser;
      this.large = large;
    }

    Body read() throws IOException {
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw invalid("is empty; it must be a JSON object");
      }
      if (first != JsonToken.START_OBJECT) {
        throw invalid("must be a JSON object");
      }
      ObjectNode root = NODES.objectNode();
      Map<String, Span> members = new LinkedHashMap<>();
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String name = parser.currentName();
        int nameStart = (int) parser.currentTokenLocation().getCharOffset();
        parser.nextToken();
        int start = (int) parser.currentTokenLocation().getCharOffset();
        int valueEnd = member(root, name, nameStart);
        members.put(name, new Span(nameStart, endOfName(nameStart), start, valueEnd));
      }
      int end = (int) parser.currentTokenLocation().getCharOffset();
      if (parser.nextToken() != null) {
        throw invalid("continues after its closing brace");
      }
      return new Body(text, root, members, holes, end);
    }

    /** Reads the value of a member and gives the position of its end. */
    private int member(ObjectNode object, String name, int nameStart) throws IOException {
      boolean string = parser.currentToken() == JsonToken.VALUE_STRING;
      JsonNode value = value();
      object.set(name, value);
      int valueEnd = string ? stringEnd : (int) parser.currentLocation().getCharOffset();
      if (Empty.is(value)) {
        holes.add(new Hole(nameStart, valueEnd));
      }
      return valueEnd;
    }

    private JsonNode value() throws IOException {
      return switch (parser.currentToken()) {
        case START_OBJECT -> object();
        case START_ARRAY -> array();
        case VALUE_STRING -> NODES.textNode(string());
        case VALUE_NUMBER_INT -> integer(parser.getText());
        case VALUE_NUMBER_FLOAT -> decimal(parser.getText());
        case VALUE_TRUE -> NODES.booleanNode(true);
        case VALUE_FALSE -> NODES.booleanNode(false);
        default -> NODES.nullNode();
      };
    }

    /** A string in which nothing is escaped, such as a picture, is cut out of the text. */
    private String string() throws IOException {
      if (large) {
        int start = (int) parser.currentTokenLocation().getCharOffset() + 1;
        int end = start;
        while (end < text.length() && text.charAt(end) != '"' && text.charAt(end) != '\\') {
          end++;
        }
        if (end < text.length() && text.charAt(end) == '"') {
          stringEnd = end + 1;
          return text.substring(start, end);
        }
      }
      String value = parser.getText();
      stringEnd = (int) parser.currentLocation().getCharOffset();
      return value;
    }

    private ObjectNode object() throws IOException {
      ObjectNode node = NODES.objectNode();
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String name = parser.currentName();
        int nameStart = (int) parser.currentTokenLocation().getCharOffset();
        parser.nextToken();
        member(node, name, nameStart);
      }
      return node;
    }

    private ArrayNode array() throws IOException {
      ArrayNode node = NODES.arrayNode();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        node.add(value());
      }
      return node;
    }

    private JsonNode integer(String digits) {
      refuseInfinite(digits);
      return digits.length() < 19
          ? NODES.numberNode(Long.parseLong(digits))
          : NODES.numberNode(new BigInteger(digits));
    }

    private JsonNode decimal(String digits) {
      refuseInfinite(digits);
      try {
        BigDecimal number = new BigDecimal(digits);
        if (number.scale() <= MAX_SCALE) {
          return NODES.numberNode(number);
        }
      } catch (NumberFormatException e) {
        // An exponent that no number has.
      }
      throw invalid("has the number " + Excerpts.shorten(digits, 40) + ", which is too small");
    }

    /** 1e999 is grammatical, yet no reader after us could hold it. */
    private void refuseInfinite(String digits) {
      if (digits.length() > 15 || digits.indexOf('e') >= 0 || digits.indexOf('E') >= 0) {
        double value = Double.parseDouble(digits);
        if (Double.isInfinite(value)) {
          throw invalid("has the number " + Excerpts.shorten(digits, 40) + ", which is not finite");
        }
      }
    }

    /** A name may hold escapes, so its length in the text is not that of the name. */
    private int endOfName(int start) {
      int at = start + 1;
      while (text.charAt(at) != '"') {
        at += text.charAt(at) == '\\' ? 2 : 1;
      }
      return at + 1;
    }
  }
}
