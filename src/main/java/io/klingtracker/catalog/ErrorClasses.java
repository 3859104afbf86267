package io.klingtracker.catalog;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Kling's codes and texts by what they mean; a failed task carries a text alone. */
record ErrorClasses(Map<Integer, ErrorClass> codes, Map<String, ErrorClass> messages) {

  private static final ErrorClass UNKNOWN = new ErrorClass(ErrorClass.Name.KLING, null);

  private static final List<String> NAMES =
      Stream.of(ErrorClass.Name.values()).map(ErrorClass.Name::wireName).toList();

  /** Reads {@code {codes: {1301: {class: policy, retryable: false}}, messages: {…}}}. */
  static ErrorClasses read(CatalogNode table) {
    Map<String, CatalogNode> parts = table.members(List.of("codes", "messages"));
    Map<Integer, ErrorClass> codes = new LinkedHashMap<>();
    Map<String, ErrorClass> messages = new LinkedHashMap<>();
    CatalogNode byCode = parts.get("codes");
    if (byCode != null) {
      byCode
          .members()
          .forEach(
              (code, line) -> {
                if (!code.matches("[0-9]{1,9}")) {
                  throw line.fault("must be one of Kling's codes, such as 1301");
                }
                codes.put(Integer.valueOf(code), entry(line));
              });
    }
    CatalogNode byMessage = parts.get("messages");
    if (byMessage != null) {
      byMessage
          .members()
          .forEach(
              (begin, line) -> {
                if (begin.isBlank()) {
                  throw line.fault("must be the beginning of a message; every message begins so");
                }
                messages.put(lower(begin), entry(line));
              });
    }
    return new ErrorClasses(codes, messages);
  }

  private static ErrorClass entry(CatalogNode line) {
    Map<String, CatalogNode> parts = line.members(List.of("class", "retryable"));
    ErrorClass.Name known = ErrorClass.Name.values()[NAMES.indexOf(line.need("class").word(NAMES))];
    CatalogNode retryable = parts.get("retryable");
    return new ErrorClass(known, retryable == null ? null : retryable.flag());
  }

  ErrorClass of(@Nullable Integer code, @Nullable String message) {
    ErrorClass known = code == null ? null : codes.get(code);
    if (known != null) {
      return known;
    }
    String text = lower(message == null ? "" : message.strip());
    return messages.entrySet().stream()
        .filter(entry -> text.startsWith(entry.getKey()))
        // The most exact one, wherever it is: an overlay can say more than the built-in file
        // does.
        .max(Comparator.comparingInt(entry -> entry.getKey().length()))
        .map(Map.Entry::getValue)
        .orElse(UNKNOWN);
  }

  private static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }
}
