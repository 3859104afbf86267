package io.klingtracker.task;

import org.jspecify.annotations.Nullable;

/** Where callers get the content of tasks whose results are copied. */
@FunctionalInterface
public interface ContentBase {

  /** What stands before a task's id and {@code /content}; null where results are not copied. */
  @Nullable String url();
}
