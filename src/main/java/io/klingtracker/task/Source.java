package io.klingtracker.task;

import java.util.Locale;

/** Where a piece of news came from. */
public enum Source {
  SUBMIT,
  DISPATCH,
  CALLBACK,
  POLL,
  CANCEL,
  DEADLINE,
  ADMIN,
  ERASE;

  /** The word in events and the timeline. */
  public String wireName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
