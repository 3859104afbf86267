package io.klingtracker.console;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What of a result can be played or looked at.
 *
 * @param type {@code video}, {@code image} or {@code audio}
 * @param url of http or https; nothing else is ever linked
 */
public record MediaOfResult(String type, String url) {

  /** A page shows no more than this; the result has them all. */
  static final int MAX = 20;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The media in a {@code task_result}. */
  static List<MediaOfResult> of(@Nullable String result) {
    List<MediaOfResult> found = new ArrayList<>();
    if (result != null) {
      try {
        collect("", JSON.readTree(result), found);
      } catch (JsonProcessingException e) {
        return List.of();
      }
    }
    return found;
  }

  private static void collect(String name, JsonNode node, List<MediaOfResult> found) {
    if (found.size() >= MAX) {
      return;
    }
    if (node.isTextual()) {
      String type = type(name);
      String url = node.textValue();
      boolean plays = found.stream().anyMatch(media -> media.type().equals("audio"));
      if (type != null && isWeb(url) && !(type.equals("audio") && plays)) {
        found.add(new MediaOfResult(type, url));
      }
      return;
    }
    node.properties()
        .forEach(
            field ->
                collect(
                    field.getValue().isTextual() ? name + "/" + field.getKey() : field.getKey(),
                    field.getValue(),
                    found));
    if (node.isArray()) {
      node.forEach(one -> collect(name, one, found));
    }
  }

  private static @Nullable String type(String name) {
    if (!name.contains("url") || name.contains("watermark")) {
      return null;
    }
    if (name.startsWith("video")) {
      return "video";
    }
    if (name.startsWith("image")) {
      return "image";
    }
    return name.startsWith("audio") ? "audio" : null;
  }

  private static boolean isWeb(String url) {
    return url.startsWith("https://") || url.startsWith("http://");
  }

  /** As the template asks. */
  public boolean plays(String word) {
    return type.equals(word);
  }
}
