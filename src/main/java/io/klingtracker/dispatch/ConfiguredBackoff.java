package io.klingtracker.dispatch;

import io.klingtracker.retry.Backoff;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.random.RandomGenerator;

/** The waits after Kling's refusals: exponential, with jitter, up to their caps. */
@Singleton
class ConfiguredBackoff implements PoolBackoff {

  /** First wait after a create that Kling deferred; it doubles up to the configured cap. */
  private static final Duration RETRY_FIRST = Duration.ofSeconds(1);

  /** Waits before a limit that 1303 lowered is raised. */
  private static final Backoff RAISE = new Backoff(Duration.ofSeconds(1), Duration.ofSeconds(30));

  private static final Backoff TRY = new Backoff(Duration.ofMillis(200), Duration.ofSeconds(5));

  /**
   * Refusals after which the wait before a full pool is tried doubles: a try costs next to none.
   */
  private static final int TRIES = 128;

  private final Backoff next;
  private final Backoff probe;
  private final RandomGenerator random;

  @Inject
  ConfiguredBackoff(DispatchConfig config) {
    this(config, RandomGenerator.getDefault());
  }

  ConfiguredBackoff(DispatchConfig config, RandomGenerator random) {
    this.next = deferred(config);
    this.probe = new Backoff(config.probe().first(), config.probe().cap());
    this.random = random;
  }

  /** The waits after a create that Kling deferred. */
  static Backoff deferred(DispatchConfig config) {
    return Backoff.capped(RETRY_FIRST, config.retryCap());
  }

  @Override
  public Duration beforeRaise(int failed) {
    return RAISE.after(failed, random);
  }

  @Override
  public Duration beforeTry(int refusals) {
    return TRY.after(1 + refusals / TRIES, random);
  }

  @Override
  public Duration beforeNext(int refusals) {
    return next.after(refusals, random);
  }

  @Override
  public Duration beforeProbe(int refusals) {
    return probe.after(refusals, random);
  }
}
