package io.klingtracker.console;

import io.netty.handler.codec.http.QueryStringDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a form of a page has sent. */
final class Form {

  /** Fields that are read; our largest form has three. */
  private static final int MAX_FIELDS = 16;

  private final Map<String, List<String>> fields;

  private Form(Map<String, List<String>> fields) {
    this.fields = fields;
  }

  /** Reads a body of {@code application/x-www-form-urlencoded}; what is none has no fields. */
  static Form of(@Nullable String body) {
    try {
      String text = body == null ? "" : body;
      return new Form(
          new QueryStringDecoder(text, StandardCharsets.UTF_8, false, MAX_FIELDS).parameters());
    } catch (IllegalArgumentException e) {
      return new Form(Map.of());
    }
  }

  /** A field; null when it is not there, or there more than once. */
  @Nullable String get(String name) {
    List<String> values = fields.get(name);
    return values == null || values.size() != 1 ? null : values.get(0);
  }
}
