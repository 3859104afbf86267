package io.klingtracker.dispatch;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long a task waits for its slot, from how long tasks of its model take: a queue that moves by
 * {@code slots} tasks every {@code render}, of which the tenant gets its {@code share}.
 *
 * @param ahead tasks of the same tenant and model before it
 * @param slots slots of the model on all accounts that take tasks now
 * @param free how many of them are free
 * @param share the tenant's weight among those that wait, above 0 and up to 1
 * @param render the median of recent render times, or null when nobody knows yet
 */
record Forecast(int ahead, int slots, int free, double share, @Nullable Duration render) {

  /** Null when nothing moves or nobody knows how fast. */
  @Nullable Duration untilDispatch() {
    if (slots <= 0) {
      return null;
    }
    double behindFree = ahead + 1 - free * share;
    if (behindFree <= 0) {
      return Duration.ZERO;
    }
    return render == null
        ? null
        : Duration.ofMillis(Math.round(render.toMillis() * behindFree / (slots * share)));
  }

  /** Null when nothing moves or nobody knows how fast. */
  @Nullable Duration untilFinish() {
    Duration dispatch = untilDispatch();
    return dispatch == null || render == null ? null : dispatch.plus(render);
  }
}
