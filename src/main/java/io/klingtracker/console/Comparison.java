package io.klingtracker.console;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Two JSON objects side by side, field by field. */
public final class Comparison {

  /** In place of a prompt, where they are hidden. */
  static final String HIDDEN = "(hidden by tracker.console.hide-prompts)";

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  private Comparison() {}

  /**
   * A field.
   *
   * @param asked its JSON; null where it is not there
   * @param sent likewise
   * @param differs whether Kling got something else than was asked
   */
  public record Line(String name, @Nullable String asked, @Nullable String sent, boolean differs) {}

  /** Fields of either, in their order; one that is null has none. */
  static List<Line> of(@Nullable String asked, @Nullable String sent, boolean hidePrompts) {
    JsonNode left = read(asked);
    JsonNode right = read(sent);
    Set<String> names = new LinkedHashSet<>();
    left.fieldNames().forEachRemaining(names::add);
    right.fieldNames().forEachRemaining(names::add);
    List<Line> lines = new ArrayList<>();
    for (String name : names) {
      JsonNode one = left.get(name);
      JsonNode other = right.get(name);
      boolean differs = sent != null && (one == null || !one.equals(other));
      lines.add(
          new Line(name, shown(name, one, hidePrompts), shown(name, other, hidePrompts), differs));
    }
    return lines;
  }

  private static @Nullable String shown(String name, @Nullable JsonNode value, boolean hide) {
    if (value == null) {
      return null;
    }
    if (hide) {
      hide(name, value);
      if (isPrompt(name) && !value.isContainerNode()) {
        return HIDDEN;
      }
    }
    return value.toPrettyString();
  }

  /** Prompts stand in fields of that name, and as texts of the newer generation's contents. */
  private static void hide(String name, JsonNode value) {
    value
        .properties()
        .forEach(
            field -> {
              boolean prompt =
                  isPrompt(field.getKey())
                      || name.equals("contents") && field.getKey().equals("text");
              if (prompt && !field.getValue().isContainerNode()) {
                ((ObjectNode) value).put(field.getKey(), HIDDEN);
              } else {
                hide(field.getKey(), field.getValue());
              }
            });
    if (value.isArray()) {
      value.forEach(one -> hide(name, one));
    }
  }

  private static boolean isPrompt(String name) {
    return name.contains("prompt");
  }

  private static JsonNode read(@Nullable String text) {
    try {
      return text == null ? JSON.createObjectNode() : JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a stored body is JSON", e);
    }
  }
}
