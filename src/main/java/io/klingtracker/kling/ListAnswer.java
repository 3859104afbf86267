package io.klingtracker.kling;

import java.util.List;

/** What came of asking Kling for many tasks at once. */
public sealed interface ListAnswer {

  /** What Kling knows; of a task that is missing here it says nothing. */
  record Found(List<KlingNews> tasks) implements ListAnswer {}

  /** Kling has no such list. */
  record NoList(String message) implements ListAnswer {}

  /** No answer; ask again later. */
  record NoAnswer(String reason) implements ListAnswer {}
}
