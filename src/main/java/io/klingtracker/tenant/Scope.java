package io.klingtracker.tenant;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a key may do. Another scope is a constant here, its role in {@link OidcConfig}, and {@link
 * Needs} at the methods that it opens.
 */
public enum Scope {
  /** Create, cancel and track tasks. */
  SUBMIT,
  /** Ask, list, watch. */
  READ,
  /** Settings and deliveries of webhooks. */
  WEBHOOKS,
  /** Erase tasks; said by name alone, since nothing brings them back. */
  ERASE;

  /** What a key may do whose scopes were left out when it was made. */
  static final Set<Scope> PRESET = Set.copyOf(EnumSet.of(SUBMIT, READ, WEBHOOKS));

  static final Set<Scope> ALL = Set.copyOf(EnumSet.allOf(Scope.class));

  String wireName() {
    return name().toLowerCase(Locale.ROOT);
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
        .map(Scope::wireName)
        .collect(Collectors.joining(" "));
  }
}
