package io.klingtracker.upstream;

import io.klingtracker.retry.Backoff;
import io.klingtracker.task.UpstreamRef;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * When to ask Kling about a task that stays silent. The first time when 95 of a hundred renders of
 * its kind and model are done, then ever less often. The more callbacks of the account fail to
 * come, the sooner: asking is then the only way to learn of an end.
 */
@Singleton
public class CheckPlan {

  /** No check follows another sooner than this, unless something needs proof. */
  private static final Duration MIN = Duration.ofSeconds(2);

  /** What is left of the waits when no callback comes at all. */
  private static final double TIGHTEST = 0.2;

  private final UpstreamConfig.Check config;
  private final RenderTimes times;
  private final CallbackStats stats;
  private final Clock clock;
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  CheckPlan(UpstreamConfig config, RenderTimes times, CallbackStats stats, Clock clock) {
    this.config = config.check();
    this.times = times;
    this.stats = stats;
    this.clock = clock;
  }

  /**
   * For a task about which something was just received.
   *
   * @param startedAt when Kling accepted it, as far as we know
   */
  public Instant first(UpstreamRef task, Instant startedAt) {
    Instant now = clock.instant();
    double silence = stats.of(task.account()).silence();
    Optional<RenderTimes.Quantiles> took = times.of(task.kind(), task.model());
    Duration wait =
        took.map(known -> firstWait(known, silence))
            .map(whole -> whole.minus(Duration.between(startedAt, now)))
            .orElseGet(() -> tighter(config.first(), silence));
    return now.plus(spread(wait));
  }

  /**
   * For a task that has been asked about.
   *
   * @param checks how often, since Kling last spoke of it
   */
  public Instant next(UpstreamRef task, int checks) {
    double silence = stats.of(task.account()).silence();
    Duration base =
        times
            .of(task.kind(), task.model())
            .map(known -> known.most().dividedBy(4))
            .orElse(config.first());
    Duration first = atLeastMinimum(tighter(base, silence));
    Duration cap = config.cap().compareTo(first) < 0 ? first : config.cap();
    return clock.instant().plus(new Backoff(first, cap).after(checks, random));
  }

  /** From when most are done down to when half of them are, as callbacks fall silent. */
  static Duration firstWait(RenderTimes.Quantiles took, double silence) {
    double millis = took.most().toMillis() * (1 - silence) + took.half().toMillis() * silence;
    return Duration.ofMillis(Math.round(millis));
  }

  static Duration tighter(Duration wait, double silence) {
    return Duration.ofMillis(Math.round(wait.toMillis() * (1 - silence * (1 - TIGHTEST))));
  }

  /** Later by up to the jitter, never sooner: most of the renders should be done. */
  private Duration spread(Duration wait) {
    Duration bounded = atLeastMinimum(wait);
    return bounded.plusMillis(
        Math.round(bounded.toMillis() * Backoff.JITTER * random.nextDouble()));
  }

  private Duration atLeastMinimum(Duration wait) {
    return wait.compareTo(MIN) < 0 ? MIN : wait;
  }
}
