package io.klingtracker.share;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import org.jboss.logging.Logger;

/**
 * Makes the service's shared bounds and shows them to operators: refusals, what is held and the
 * most that may be. No tenant is a label; the log names who was refused, now and then.
 */
@Singleton
public class Shares {

  private static final Logger LOG = Logger.getLogger(Shares.class);
  private static final Duration LOG_PAUSE = Duration.ofMinutes(1);

  private final MeterRegistry registry;

  /** Makes bounds whose metrics go to a registry. */
  @Inject
  public Shares(MeterRegistry registry) {
    this.registry = registry;
  }

  /** A bound that nobody holds any of; one for each name. */
  public Share of(Bound bound) {
    Counter refused =
        Counter.builder("tracker.share.refused")
            .description("Requests refused because a bound was full or a tenant over its share")
            .tag("bound", bound.name())
            .register(registry);
    LogLimit log = new LogLimit(LOG_PAUSE.toNanos());
    Share share =
        new Share(
            bound,
            System::nanoTime,
            refusal -> {
              refused.increment();
              if (log.passes(refusal.tenant(), System.nanoTime())) {
                LOG.warnf(
                    "bound=%s tenant=%s refused: it holds %d of %d, all together at most %d",
                    bound.name(),
                    refusal.tenant(),
                    refusal.held(),
                    refusal.overShare() ? bound.share() : bound.max(),
                    bound.max());
              }
            });
    Gauge.builder("tracker.share.held", share, Share::held)
        .description("What all tenants hold of a shared bound")
        .tag("bound", bound.name())
        .strongReference(true)
        .register(registry);
    Gauge.builder("tracker.share.max", bound, Bound::max)
        .description("The most that all tenants may hold of a shared bound")
        .tag("bound", bound.name())
        .strongReference(true)
        .register(registry);
    return share;
  }

  /** One line for each tenant now and then. */
  private static final class LogLimit {

    private final Recent logged;

    LogLimit(long pauseNanos) {
      this.logged = new Recent(pauseNanos);
    }

    synchronized boolean passes(String tenant, long now) {
      logged.forget(now);
      if (logged.has(tenant)) {
        return false;
      }
      logged.note(tenant, 0, now);
      return true;
    }
  }
}
