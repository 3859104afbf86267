package io.klingtracker.reconcile;

import org.jspecify.annotations.Nullable;

/**
 * Why nothing was received about a task when Kling was asked about it. That it could not be asked
 * is not that it knows nothing.
 *
 * @param failure why it could not be asked; null when it answered that it does not know the task
 * @param lists what its lists say, where it answered
 */
record Silence(@Nullable String failure, Lists lists) {

  /** What became of reading Kling's lists in this round. */
  enum Lists {
    /** They do not show it, or there are none to be read. */
    SILENT,
    /** They could not be read. */
    UNREADABLE,
    /** Nobody read them. */
    UNREAD,
    /** It spoke of the task, under an id that another task of ours has: it has it. */
    NAMED,
    /** They were looked through for a create without an id of ours. */
    SEARCHED
  }

  static Silence unknown(Lists lists) {
    return new Silence(null, lists);
  }

  static Silence unasked(String reason) {
    return new Silence(reason, Lists.UNREAD);
  }

  /**
   * Of a create without an id of ours.
   *
   * @param words what looking for it came to
   */
  static Silence searched(String words) {
    return new Silence(words, Lists.SEARCHED);
  }

  /** For people. */
  String words() {
    if (failure != null && lists == Lists.SEARCHED) {
      return failure;
    }
    return failure == null ? "Kling does not know it" : "it could not be asked: " + failure;
  }
}
