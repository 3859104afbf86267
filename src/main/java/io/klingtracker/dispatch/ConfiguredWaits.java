package io.klingtracker.dispatch;

import io.klingtracker.retry.Backoff;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.random.RandomGenerator;

/** The waits after Kling's refusals: exponential, with jitter, up to their caps. */
@Singleton
class ConfiguredWaits implements PoolState.Waits {

  static final double JITTER = 0.2;

  private final Backoff raise;
  private final Backoff next;
  private final Backoff probe;
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  ConfiguredWaits(DispatchConfig config) {
    this.raise = new Backoff(config.limit().raiseFirst(), config.limit().raiseCap(), JITTER);
    this.next = new Backoff(config.retryFirst(), config.retryCap(), JITTER);
    this.probe = new Backoff(config.probe().first(), config.probe().cap(), JITTER);
  }

  @Override
  public Duration beforeRaise(int lowerings) {
    return raise.after(lowerings, random);
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
