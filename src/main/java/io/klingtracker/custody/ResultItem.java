package io.klingtracker.custody;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.egress.RefusedTargetException;
import io.klingtracker.egress.Target;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One of a task's results that has content.
 *
 * @param index which of them, from 0, in the order of Kling's answer
 * @param url Kling's link
 */
record ResultItem(int index, String url) {

  /** Results of one task; Kling makes nine pictures at most. */
  static final int MAX = 50;

  /**
   * Where the content of one is. Of sound that comes in two forms it is the one that lost nothing;
   * a copy with a watermark is no result of its own.
   */
  private static final List<String> LINKS =
      List.of("url", "url_wav", "wav_url", "url_mp3", "mp3_url");

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * The link as a header can carry it, whatever Kling wrote.
   *
   * @return null when it is no URL
   */
  @Nullable String location() {
    try {
      Target target = Target.parse(url);
      boolean address = target.host().contains(":");
      int usual = target.tls() ? 443 : 80;
      return (target.tls() ? "https://" : "http://")
          + (address ? "[" + target.host() + "]" : target.host())
          + (target.port() == usual ? "" : ":" + target.port())
          + target.uri();
    } catch (RefusedTargetException e) {
      return null;
    }
  }

  /** All that Kling's {@code task_result} names. */
  static List<ResultItem> of(@Nullable String result) {
    List<ResultItem> items = new ArrayList<>();
    if (result == null) {
      return items;
    }
    try {
      for (JsonNode array : JSON.readTree(result)) {
        if (array.isArray()) {
          array.forEach(element -> add(element, items));
        }
      }
    } catch (JsonProcessingException e) {
      // The column holds JSON alone.
      throw new IllegalStateException("a stored result is no JSON", e);
    }
    return items;
  }

  private static void add(JsonNode element, List<ResultItem> items) {
    for (String name : LINKS) {
      String link = element.path(name).asText("");
      if (!link.isEmpty() && items.size() < MAX) {
        items.add(new ResultItem(items.size(), link));
        return;
      }
    }
  }
}
