package io.klingtracker.retention;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithName;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** How long things are kept; what has no age is kept for ever. */
@ConfigMapping(prefix = "tracker.retention")
public interface RetentionConfig {

  /** What ended just now is still asked for, streamed and sent again. */
  Duration SHORTEST = Duration.ofHours(1);

  /** A tenant's quotas go by calendar months. */
  Duration SHORTEST_USAGE = Duration.ofDays(32);

  /** What PostgreSQL can still reckon with. */
  Duration LONGEST = Duration.ofDays(36_500);

  /** Tasks in one statement. */
  int MAX_RATE = 5_000;

  /** From the end of a task on, for {@code expired} from when it expired. */
  Optional<Duration> tasks();

  /** Of tasks that succeeded, instead of {@link #tasks()}. */
  @WithName("tasks.succeed")
  Optional<Duration> succeed();

  /** Of tasks that failed. */
  @WithName("tasks.failed")
  Optional<Duration> failed();

  /** Of tasks that were canceled. */
  @WithName("tasks.canceled")
  Optional<Duration> canceled();

  /** Of tasks that expired. */
  @WithName("tasks.expired")
  Optional<Duration> expired();

  /** Their requests alone, from the end of a task on, whoever's it is. */
  Optional<Duration> requests();

  /** Lines of timelines that changed nothing, from when they were last repeated. */
  Optional<Duration> news();

  /** Sums by the hour: of what was used, and of how many tasks there are. */
  Optional<Duration> usage();

  /** The audit log, by whole months from their end. */
  Optional<Duration> audit();

  /** Most tasks removed in a second, by all replicas together. */
  @WithDefault("500")
  int rate();

  /** The ages that are set, by the last part of their keys. */
  default Map<String, Duration> ages() {
    Map<String, Duration> set = new LinkedHashMap<>();
    tasks().ifPresent(age -> set.put("tasks", age));
    succeed().ifPresent(age -> set.put("tasks.succeed", age));
    failed().ifPresent(age -> set.put("tasks.failed", age));
    canceled().ifPresent(age -> set.put("tasks.canceled", age));
    expired().ifPresent(age -> set.put("tasks.expired", age));
    requests().ifPresent(age -> set.put("requests", age));
    news().ifPresent(age -> set.put("news", age));
    usage().ifPresent(age -> set.put("usage", age));
    audit().ifPresent(age -> set.put("audit", age));
    return set;
  }
}
