package io.klingtracker.catalog;

import java.util.Locale;

/** What Kling's slots are counted for, beside the account and the model. */
public enum Family {
  VIDEO,
  IMAGE,
  TRY_ON,
  AUDIO,
  GENERAL;

  /** The word stored with a task and used in metrics. */
  public String wireName() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
