package io.klingtracker.task;

import java.util.List;

/**
 * Tasks of a list.
 *
 * @param cut whether there are more of those asked for than an answer may hold in bytes; one task
 *     is always there
 */
public record TaskPage(List<Task> tasks, boolean cut) {

  /** Bytes of results and messages in one answer with many tasks. */
  public static final int MAX_BYTES = 8 << 20;
}
