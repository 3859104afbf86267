package io.klingtracker.kling;

/** What came of asking Kling for one task. */
public sealed interface QueryAnswer {

  /** Kling knows the task. */
  record Found(KlingNews news) implements QueryAnswer {}

  /** Kling says that it knows no such task. */
  record NotFound(String message) implements QueryAnswer {}

  /** No answer that says either; ask again later. */
  record NoAnswer(String reason) implements QueryAnswer {}
}
