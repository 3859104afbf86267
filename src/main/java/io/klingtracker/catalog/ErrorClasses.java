package io.klingtracker.catalog;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Kling's codes and texts by what they mean; a failed task carries a text alone. */
record ErrorClasses(Map<Integer, ErrorClass> codes, Map<String, ErrorClass> messages) {

  private static final ErrorClass UNKNOWN = new ErrorClass(ErrorClass.Name.KLING, null);

  private static final String CODES = "codes";
  private static final String MESSAGES = "messages";

  /** What a row says of a failure. */
  private static final Set<String> FAILURE = Set.of("class", "retryable");

  private static final Set<String> IN_CODES = with("texts");
  private static final Set<String> IN_MESSAGES = with("text", "before-codes");

  private static final List<String> NAMES =
      Stream.of(ErrorClass.Name.values()).map(ErrorClass.Name::wireName).toList();

  /** An overlay says no more than {@code {codes: {1301: {class: policy}}, messages: {…}}}. */
  static void checkOverlay(CatalogNode table) {
    for (CatalogNode part : table.members(List.of(CODES, MESSAGES)).values()) {
      if (part.isMapping()) {
        part.members().values().stream()
            .filter(CatalogNode::isMapping)
            .forEach(ErrorClasses::checkFailure);
      }
    }
  }

  private static void checkFailure(CatalogNode row) {
    if (row.members(FAILURE).containsKey("class")) {
      row.need("class");
    }
  }

  /** Reads them; what else a row says is {@link AnswerTable}'s. */
  static ErrorClasses read(CatalogNode table) {
    Map<String, CatalogNode> parts =
        table.members(List.of(CODES, MESSAGES, "neighbours", "statuses"));
    Map<Integer, ErrorClass> codes = new LinkedHashMap<>();
    Map<String, ErrorClass> messages = new LinkedHashMap<>();
    CatalogNode byCode = parts.get(CODES);
    if (byCode != null) {
      byCode
          .members()
          .forEach(
              (code, line) -> {
                if (!code.matches("[0-9]{1,9}")) {
                  throw line.fault("must be one of Kling's codes, such as 1301");
                }
                put(codes, Integer.valueOf(code), line, IN_CODES);
              });
    }
    CatalogNode byMessage = parts.get(MESSAGES);
    if (byMessage != null) {
      byMessage
          .members()
          .forEach(
              (begin, line) -> {
                if (begin.isBlank()) {
                  throw line.fault("must be the beginning of a message; every message begins so");
                }
                put(messages, lower(begin), line, IN_MESSAGES);
              });
    }
    return new ErrorClasses(codes, messages);
  }

  /** A row that says what an answer means may leave out what a failure was. */
  private static <K> void put(
      Map<K, ErrorClass> classes, K key, CatalogNode line, Set<String> members) {
    Map<String, CatalogNode> parts = line.members(members);
    if (parts.get("class") == null && line.has("proof")) {
      return;
    }
    ErrorClass.Name known = ErrorClass.Name.values()[NAMES.indexOf(line.need("class").word(NAMES))];
    CatalogNode retryable = parts.get("retryable");
    classes.put(key, new ErrorClass(known, retryable == null ? null : retryable.flag()));
  }

  private static Set<String> with(String... others) {
    return Stream.of(FAILURE, AnswerTable.MEMBERS, Set.of(others))
        .flatMap(Set::stream)
        .collect(Collectors.toUnmodifiableSet());
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
