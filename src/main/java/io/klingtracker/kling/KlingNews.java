package io.klingtracker.kling;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What Kling says of one task, whichever way and in whichever dialect it said it.
 *
 * @param klingTaskId Kling's id, a decimal string
 * @param externalTaskId the id we gave at the create, when Kling repeats it
 * @param status the status
 * @param word the status as Kling wrote it
 * @param message the reason of a failure, or empty
 * @param result Kling's whole {@code task_result} as JSON text, or null when there was none
 * @param charge what was taken, when Kling says so
 * @param updatedAt Kling's time of the last change, when it says so
 * @param createdAt Kling's time of the task's acceptance, when it says so
 * @param ordered what was asked of it
 */
public record KlingNews(
    @Nullable String klingTaskId,
    @Nullable String externalTaskId,
    KlingStatus status,
    String word,
    String message,
    @Nullable String result,
    @Nullable Charge charge,
    @Nullable Instant updatedAt,
    @Nullable Instant createdAt,
    Ordered ordered) {

  /** Of which Kling does not show what was asked. */
  public KlingNews(
      @Nullable String klingTaskId,
      @Nullable String externalTaskId,
      KlingStatus status,
      String word,
      String message,
      @Nullable String result,
      @Nullable Charge charge,
      @Nullable Instant updatedAt,
      @Nullable Instant createdAt) {
    this(
        klingTaskId,
        externalTaskId,
        status,
        word,
        message,
        result,
        charge,
        updatedAt,
        createdAt,
        Ordered.UNKNOWN);
  }

  /**
   * Something was said that cannot be read in one way only: it is a reason to ask, and nothing
   * else.
   *
   * @param fault what is wrong with it
   */
  static KlingNews unclear(String fault) {
    return new KlingNews(null, null, KlingStatus.UNKNOWN, "unclear", fault, null, null, null, null);
  }

  /** What was deducted from a pack; null when Kling does not say. */
  public @Nullable BigDecimal units() {
    return charge == null ? null : charge.units();
  }

  /** See {@link #unclear}; whoever says something clearly names a task. */
  public boolean isUnclear() {
    return klingTaskId == null;
  }

  /** How long it took by Kling's own clock, once it has ended; null when Kling does not say. */
  public @Nullable Duration renderTime() {
    return !status.isFinal() || createdAt == null || updatedAt == null
        ? null
        : Duration.between(createdAt, updatedAt);
  }
}
