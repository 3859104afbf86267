package io.klingtracker.tenant;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** What a key may do. */
enum Scope {
  /** Create, cancel and track tasks. */
  SUBMIT,
  /** Ask, list, watch. */
  READ,
  /** Settings and deliveries of webhooks. */
  WEBHOOKS;

  /** Asking that comes as a POST, since it carries a list. */
  private static final Set<String> READING_POSTS = Set.of("/v1/tasks/batch", "/kling/tasks");

  static final Set<Scope> ALL = Set.copyOf(EnumSet.allOf(Scope.class));

  String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** What a request needs. A new route that changes something needs {@code submit} by default. */
  static Scope needed(String method, String path) {
    if (path.startsWith("/v1/webhooks/")) {
      return WEBHOOKS;
    }
    boolean reads =
        method.equals("GET")
            || method.equals("HEAD")
            || method.equals("OPTIONS")
            || READING_POSTS.contains(path);
    return reads ? READ : SUBMIT;
  }

  /**
   * Reads the column.
   *
   * @throws IllegalArgumentException for another word
   */
  static Set<Scope> of(String words) {
    Set<Scope> scopes = EnumSet.noneOf(Scope.class);
    for (String word : words.split(" ")) {
      scopes.add(valueOf(word.toUpperCase(Locale.ROOT)));
    }
    return scopes;
  }

  static String words(Set<Scope> scopes) {
    return Arrays.stream(values())
        .filter(scopes::contains)
        .map(Scope::word)
        .collect(Collectors.joining(" "));
  }
}
