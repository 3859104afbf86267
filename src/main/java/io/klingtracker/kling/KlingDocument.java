package io.klingtracker.kling;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.text.ForeignText;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;

/**
 * A body of Kling's as a tree, built in one pass in which everything is cleaned that a later reader
 * could stumble over: names and texts have no U+0000 and no lone surrogates, a number that no
 * column or {@code double} holds is null (not known), depth and number of values are bounded.
 */
final class KlingDocument {

  /** Characters of a number: ids of Kling's have 18, amounts fewer. */
  static final int MAX_NUMBER = 64;

  /** Deeper bodies are not Kling's. */
  private static final int MAX_DEPTH = 64;

  /** Names, values and brackets; a page of 500 tasks has some 30,000. */
  private static final int MAX_TOKENS = 400_000;

  /** Exponents beyond are not finite as a {@code double}. */
  private static final int MAX_EXPONENT = 300;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxTokenCount(MAX_TOKENS)
                  // Only texts of numbers are read here, and those that are too long are dropped.
                  .maxNumberLength(Integer.MAX_VALUE)
                  .build())
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          // Names are the sender's: the JVM's own table of texts is not for them.
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  private static final JsonNodeFactory NODES = JsonNodeFactory.withExactBigDecimals(true);

  private final JsonParser parser;

  /** Whether a name may occur twice in an object; the last value counts then. */
  private final boolean twice;

  private KlingDocument(JsonParser parser, boolean twice) {
    this.parser = parser;
    this.twice = twice;
  }

  static JsonNode parse(byte[] body) throws IOException {
    try (JsonParser parser = JSON.createParser(body)) {
      return document(parser, false);
    } catch (JsonParseException e) {
      if (!String.valueOf(e.getOriginalMessage()).contains("surrogate")) {
        throw e;
      }
    }
    // Among bytes a name cannot have half a surrogate pair, among characters it can, to be cleaned.
    try (JsonParser parser = JSON.createParser(new String(body, StandardCharsets.UTF_8))) {
      return document(parser, false);
    }
  }

  /**
   * Parses what {@link #parse} does not take for the sender's carelessness alone: a byte order
   * mark, NULs at the end, bytes that are no UTF-8, a name twice in an object. Shows that something
   * is there, not what it says: two readers may read it differently.
   *
   * @throws IOException when it is not JSON even so
   */
  static JsonNode mended(byte[] body) throws IOException {
    String text = new String(body, StandardCharsets.UTF_8);
    int start = text.startsWith("\uFEFF") ? 1 : 0;
    int end = text.length();
    while (end > start && text.charAt(end - 1) <= ' ') {
      end--;
    }
    try (JsonParser parser = JSON.createParser(text.substring(start, end))) {
      return document(parser, true);
    }
  }

  private static JsonNode document(JsonParser parser, boolean twice) throws IOException {
    JsonToken first = parser.nextToken();
    if (first == null) {
      throw new IOException("the body is empty");
    }
    JsonNode document = new KlingDocument(parser, twice).value(first);
    if (parser.nextToken() != null) {
      throw new IOException("the body continues after its end");
    }
    return document;
  }

  private JsonNode value(JsonToken token) throws IOException {
    return switch (token) {
      case START_OBJECT -> object();
      case START_ARRAY -> array();
      case VALUE_STRING -> NODES.textNode(ForeignText.clean(parser.getText()));
      case VALUE_NUMBER_INT -> integer();
      case VALUE_NUMBER_FLOAT -> decimal();
      case VALUE_TRUE -> NODES.booleanNode(true);
      case VALUE_FALSE -> NODES.booleanNode(false);
      default -> NODES.nullNode();
    };
  }

  private ObjectNode object() throws IOException {
    ObjectNode object = NODES.objectNode();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = ForeignText.clean(parser.currentName());
      if (object.replace(name, value(parser.nextToken())) != null && !twice) {
        throw new IOException("the body has a name twice in one object");
      }
    }
    return object;
  }

  private ArrayNode array() throws IOException {
    ArrayNode array = NODES.arrayNode();
    for (JsonToken token = parser.nextToken();
        token != JsonToken.END_ARRAY;
        token = parser.nextToken()) {
      array.add(value(token));
    }
    return array;
  }

  private JsonNode integer() throws IOException {
    if (parser.getTextLength() > MAX_NUMBER) {
      return NODES.nullNode();
    }
    String digits = parser.getText();
    return digits.length() < 19
        ? NODES.numberNode(Long.parseLong(digits))
        : NODES.numberNode(new BigInteger(digits));
  }

  /**
   * The exponent is looked at in the text: made into a number first, it could take all the memory.
   */
  private JsonNode decimal() throws IOException {
    if (parser.getTextLength() > MAX_NUMBER) {
      return NODES.nullNode();
    }
    String digits = parser.getText();
    try {
      BigDecimal number = new BigDecimal(digits);
      long magnitude = (long) number.precision() - number.scale();
      return Math.abs(magnitude) <= MAX_EXPONENT && Math.abs((long) number.scale()) <= MAX_EXPONENT
          ? NODES.numberNode(number)
          : NODES.nullNode();
    } catch (NumberFormatException e) {
      // NaN, an infinity, or an exponent that no number has.
      return NODES.nullNode();
    }
  }
}
