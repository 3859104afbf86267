package io.klingtracker.request;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.text.ForeignText;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a caller keeps with a task: a few short texts under names of his own, which we store, show
 * and find again, and never read. Refusals ({@link ErrorCode#INVALID_REQUEST}) name the header or
 * field and what is wrong with it.
 */
public final class Metadata {

  /** The header that brings it with a submission. */
  public static final String HEADER = "Tracker-Metadata";

  /** What the names of filters of a list begin with. */
  public static final String FILTER = "meta.";

  static final int MAX_PAIRS = 16;
  static final int MAX_VALUE = 500;

  /** Of JSON in ASCII, as headers have it. */
  static final int MAX_BYTES = 4096;

  private static final Pattern KEY = Pattern.compile("[A-Za-z0-9_.-]{1,40}");
  private static final String KEYS = "1 to 40 characters of A-Z, a-z, 0-9, _, . and -";

  private static final JsonFactory STRICT =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .build();

  private static final ObjectMapper ASCII =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  private Metadata() {}

  /** A pair that tasks of a list must have. */
  public record Pair(String key, String value) {}

  /**
   * Reads {@link #HEADER}.
   *
   * @param given its values, as often as it came
   * @return JSON in ASCII; null for none
   */
  public static @Nullable String header(List<String> given) {
    if (given.isEmpty()) {
      return null;
    }
    if (given.size() > 1) {
      throw Parameters.invalid(HEADER + " is given " + given.size() + " times; give it once");
    }
    String text = given.get(0);
    if (text.length() > MAX_BYTES) {
      throw refused(HEADER, "has more than " + MAX_BYTES + " bytes");
    }
    if (text.chars().anyMatch(c -> c > 0x7E)) {
      throw refused(HEADER, "has characters beyond ASCII; write them as \\u escapes");
    }
    return of(HEADER, pairs(text));
  }

  /**
   * Reads the field {@code metadata} of a body.
   *
   * @return JSON in ASCII; null for none
   */
  public static @Nullable String field(@Nullable Map<String, @Nullable String> pairs) {
    return pairs == null ? null : of("metadata", pairs);
  }

  /** The pairs that the query of a list asks for: {@code meta.<key>=<value>}, each of them. */
  public static List<Pair> filter(Map<String, List<String>> query) {
    List<Pair> pairs = new ArrayList<>();
    query.forEach(
        (name, values) -> {
          if (name.startsWith(FILTER)) {
            String key = name.substring(FILTER.length());
            if (!KEY.matcher(key).matches()) {
              throw Parameters.invalid(
                  "the name behind %s must have %s; %s has not"
                      .formatted(FILTER, KEYS, Nearest.shown(key)));
            }
            values.stream()
                .distinct()
                .map(value -> new Pair(key, value(FILTER + key, value)))
                .forEach(pairs::add);
          }
        });
    if (pairs.size() > MAX_PAIRS) {
      throw Parameters.invalid("give at most " + MAX_PAIRS + " of " + FILTER + "<key>=<value>");
    }
    return pairs;
  }

  /** Pairs as JSON that a header can hold: ASCII, without control characters. */
  public static String ascii(Map<String, ? extends @Nullable String> pairs) {
    try {
      // In JSON only a text can have it, and HTTP takes it in no header.
      return ASCII.writeValueAsString(pairs).replace("\u007F", "\\u007F");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("texts can be written", e);
    }
  }

  private static Map<String, @Nullable String> pairs(String json) {
    Map<String, @Nullable String> pairs = new LinkedHashMap<>();
    try (JsonParser parser = STRICT.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw refused(HEADER, "is no JSON object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        pairs.put(key, parser.nextToken() == JsonToken.VALUE_STRING ? parser.getText() : null);
        parser.skipChildren();
      }
      if (parser.nextToken() != null) {
        throw refused(HEADER, "continues behind its object");
      }
      return pairs;
    } catch (JsonProcessingException e) {
      throw refused(
          HEADER,
          String.valueOf(e.getOriginalMessage()).startsWith("Duplicate field")
              ? "has a key twice"
              : "is not valid JSON");
    } catch (IOException e) {
      throw new IllegalStateException("a text can be read", e);
    }
  }

  private static @Nullable String of(String name, Map<String, @Nullable String> pairs) {
    if (pairs.size() > MAX_PAIRS) {
      throw refused(name, "has " + pairs.size() + " pairs");
    }
    pairs.forEach(
        (key, value) -> {
          if (!KEY.matcher(key).matches()) {
            throw refused(name, "has the key " + Nearest.shown(key) + "; a key must have " + KEYS);
          }
          if (value == null) {
            throw refused(name, "has under " + key + " something else than text");
          }
          value(name + "." + key, value);
        });
    String json = ascii(pairs);
    if (json.length() > MAX_BYTES) {
      throw refused(name, "has more than " + MAX_BYTES + " bytes, written as ASCII");
    }
    return pairs.isEmpty() ? null : json;
  }

  private static String value(String name, String value) {
    if (value.length() > MAX_VALUE || !ForeignText.isClean(value)) {
      throw Parameters.invalid(
          name
              + " must have at most "
              + MAX_VALUE
              + " characters, no U+0000 and no half of a surrogate pair among them");
    }
    return value;
  }

  private static ProblemException refused(String name, String fault) {
    return Parameters.invalid(
        "%s must be a JSON object of at most %s texts, such as {\"order\":\"4711\"}; it %s"
            .formatted(name, MAX_PAIRS, fault));
  }
}
