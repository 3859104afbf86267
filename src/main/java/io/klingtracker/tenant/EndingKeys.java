package io.klingtracker.tenant;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jdbi.v3.core.Jdbi;

/** Counts the keys that somebody still uses and that end soon: their owner has forgotten it. */
@Startup
@Singleton
class EndingKeys {

  static final Duration EVERY = Duration.ofMinutes(10);

  /** Time enough to make another and hand it over. */
  static final Duration SOON = Duration.ofDays(7);

  /** Whoever has not come for so long is expected no more. */
  static final Duration IN_USE = Duration.ofDays(1);

  private static final String COUNT =
      """
      select count(*) from api_key
      where revoked_at is null and suspended_at is null and expires_at > :now and expires_at < :soon
        and last_used_at > :used
      """;

  private final Jdbi jdbi;
  private final Clock clock;
  private volatile double ending = Double.NaN;

  @Inject
  EndingKeys(Jdbi jdbi, Clock clock, Loops loops, MeterRegistry registry) {
    this.jdbi = jdbi;
    this.clock = clock;
    Gauge.builder("tracker.keys.ending", () -> ending)
        .description("API keys, used within a day, that end within a week")
        .register(registry);
    loops.add(WorkLoop.named("ending-keys").every(EVERY).work(this::count));
  }

  /** One count; there is never more to do at once. */
  boolean count() {
    Instant now = clock.instant();
    ending =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(COUNT)
                    .bind("now", now)
                    .bind("soon", now.plus(SOON))
                    .bind("used", now.minus(IN_USE))
                    .mapTo(long.class)
                    .one());
    return false;
  }
}
