package io.klingtracker.kling;

import org.jspecify.annotations.Nullable;

/**
 * What was asked of a task, as far as Kling shows it beside the task; nobody has seen it do so.
 *
 * @param model its version by Kling's name
 * @param prompt the whole text
 */
public record Ordered(@Nullable String model, @Nullable String prompt) {

  /** As good as nothing. */
  public static final Ordered UNKNOWN = new Ordered(null, null);
}
