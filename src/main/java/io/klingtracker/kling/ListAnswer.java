package io.klingtracker.kling;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What came of asking Kling for many tasks at once. */
public sealed interface ListAnswer {

  /**
   * What Kling knows; of a task that is missing here it says nothing.
   *
   * @param next where the next page begins; null when this is the last, or when pages have numbers
   */
  record Found(List<KlingNews> tasks, @Nullable String next) implements ListAnswer {
    public Found(List<KlingNews> tasks) {
      this(tasks, null);
    }
  }

  /** Kling has no such list. */
  record NoList(String message) implements ListAnswer {}

  /** No answer; ask again later. */
  record NoAnswer(String reason) implements ListAnswer {}
}
