package io.klingtracker.retention;

import io.klingtracker.task.TaskStatus;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How long ended tasks are kept: by the tenant's age, else by the status's, else by that of all.
 */
final class Ages {

  private final Map<String, Duration> configured;

  Ages(RetentionConfig config) {
    this.configured = config.ages();
  }

  /**
   * How long a task is kept.
   *
   * @param ofTenant the tenant's own age
   * @return empty for ever
   */
  Optional<Duration> of(@Nullable Duration ofTenant, TaskStatus status) {
    if (ofTenant != null) {
      return Optional.of(ofTenant);
    }
    Duration own = configured.get("tasks." + status.wireName());
    return Optional.ofNullable(own == null ? configured.get("tasks") : own);
  }
}
