package io.klingtracker.catalog;

import java.util.Set;
import java.util.TreeSet;

/**
 * Words that our paths have where an id may be: a task with such an {@code external_task_id} could
 * not be asked for there.
 */
public final class ReservedIds {

  /** A test finds those of the route table that are forgotten here. */
  static final Set<String> WORDS =
      Set.of(
          "counts",
          "cancel",
          "erase",
          "export",
          "batch",
          "submit-batch",
          "track",
          "stream",
          ".",
          "..");

  /** What is expected instead, in words. */
  public static final String RULE =
      "must not be a word of our own paths (" + String.join(", ", new TreeSet<>(WORDS)) + ")";

  private ReservedIds() {}

  /** Whether a word is one of them. */
  public static boolean contain(String id) {
    return WORDS.contains(id);
  }
}
