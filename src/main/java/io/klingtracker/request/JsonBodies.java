package io.klingtracker.request;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.KeyDeserializer;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.deser.std.NumberDeserializers.BigDecimalDeserializer;
import com.fasterxml.jackson.databind.deser.std.StdScalarDeserializer;
import com.fasterxml.jackson.databind.deser.std.StringDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.type.LogicalType;
import io.klingtracker.text.ForeignText;
import io.quarkus.jackson.ObjectMapperCustomizer;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Bounds every text, key and decimal number of the JSON bodies that are bound to records, whichever
 * resource takes them; {@link JsonFaults} says in the refusal which it was.
 */
@Singleton
class JsonBodies implements ObjectMapperCustomizer {

  /** Characters of a text or a name in a body; a URL may have as many. */
  static final int MAX_TEXT = 8192;

  static final int MAX_DEPTH = 64;

  /** Digits before the point, and places behind it. */
  private static final int MAX_DIGITS = 15;

  private static final int MAX_PLACES = 9;

  private static final String TEXT =
      "must be text of at most " + MAX_TEXT + " characters, none of them U+0000";

  private static final String NUMBER =
      "must be a number of at most " + MAX_DIGITS + " digits and " + MAX_PLACES + " places";

  @Override
  public void customize(ObjectMapper mapper) {
    mapper
        .getFactory()
        .setStreamReadConstraints(
            StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build());
    // 1.5 is not 1.
    mapper.disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT);
    // A misspelt field would change nothing, or what nobody meant.
    mapper.enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    mapper.enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    // Neither "5" is a number nor 5 a text: ids have more digits than many a reader's numbers.
    mapper.disable(MapperFeature.ALLOW_COERCION_OF_SCALARS);
    for (CoercionInputShape number :
        List.of(CoercionInputShape.Integer, CoercionInputShape.Float, CoercionInputShape.Boolean)) {
      mapper.coercionConfigFor(LogicalType.Textual).setCoercion(number, CoercionAction.Fail);
    }
    mapper.registerModule(
        new SimpleModule("foreign values")
            .addDeserializer(String.class, new Text())
            .addKeyDeserializer(String.class, new Key())
            .addDeserializer(BigDecimal.class, new Decimal()));
  }

  private static boolean fits(String text) {
    return text.length() <= MAX_TEXT && ForeignText.isClean(text);
  }

  private static final class Text extends StdScalarDeserializer<String> {
    private static final long serialVersionUID = 1L;

    Text() {
      super(String.class);
    }

    @Override
    public String deserialize(JsonParser parser, DeserializationContext context)
        throws IOException {
      String text = StringDeserializer.instance.deserialize(parser, context);
      if (!fits(text)) {
        throw new RefusedValueException(parser, TEXT, String.class);
      }
      return text;
    }
  }

  private static final class Key extends KeyDeserializer {
    @Override
    public Object deserializeKey(String key, DeserializationContext context) throws IOException {
      if (!fits(key)) {
        throw new RefusedValueException(
            context.getParser(), "has a name that " + TEXT, Object.class);
      }
      return key;
    }
  }

  private static final class Decimal extends StdScalarDeserializer<BigDecimal> {
    private static final long serialVersionUID = 1L;

    Decimal() {
      super(BigDecimal.class);
    }

    @Override
    public @Nullable BigDecimal deserialize(JsonParser parser, DeserializationContext context)
        throws IOException {
      BigDecimal number;
      try {
        number = BigDecimalDeserializer.instance.deserialize(parser, context);
      } catch (NumberFormatException e) {
        throw new RefusedValueException(parser, NUMBER, BigDecimal.class);
      }
      if (number == null) {
        return null;
      }
      BigDecimal plain = number.signum() == 0 ? BigDecimal.ZERO : number;
      if ((long) plain.precision() - plain.scale() > MAX_DIGITS || plain.scale() > MAX_PLACES) {
        throw new RefusedValueException(parser, NUMBER, BigDecimal.class);
      }
      return plain.scale() < 0 ? plain.setScale(0) : plain;
    }
  }
}
