package io.klingtracker.loops;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * What operators watch of every loop, measured now and then by a loop of its own: how long its
 * oldest item has waited, how often it failed, and what was set aside.
 */
@Startup
@Singleton
class LoopMetrics {

  private static final Logger LOG = Logger.getLogger(LoopMetrics.class);
  private static final Duration EVERY = Duration.ofSeconds(5);

  private final Loops loops;
  private final SetAside setAside;
  private final Clock clock;
  private final MeterRegistry registry;
  private final Map<String, Instant> oldest = new ConcurrentHashMap<>();
  private final Set<String> metered = ConcurrentHashMap.newKeySet();
  private final Set<String> kinds = ConcurrentHashMap.newKeySet();
  private volatile Map<String, Long> counts = Map.of();

  @Inject
  LoopMetrics(Loops loops, SetAside setAside, Clock clock, MeterRegistry registry) {
    this.loops = loops;
    this.setAside = setAside;
    this.clock = clock;
    this.registry = registry;
    loops.add(WorkLoop.named("loop-gauges").every(EVERY).work(this::measure));
  }

  /** Measures every loop; one that cannot be measured keeps no other from being. */
  boolean measure() {
    loops.all().forEach(loop -> registerOnce(loop));
    setAside.tidy();
    counts = setAside.counts();
    counts.keySet().stream().filter(kinds::add).forEach(this::register);
    Batch.each(
        loops.all(),
        loop ->
            loop.oldest()
                .waitsSince()
                .ifPresentOrElse(
                    since -> oldest.put(loop.name(), since), () -> oldest.remove(loop.name())),
        (loop, failure) ->
            LOG.warnf("%s cannot be measured: %s", loop.name(), SetAside.reason(failure)));
    return false;
  }

  private void registerOnce(WorkLoop loop) {
    if (metered.add(loop.name())) {
      Gauge.builder("tracker.loop.oldest.seconds", () -> oldestSeconds(loop))
          .description(
              "How long the oldest item of a loop has waited; the dispatcher's also for slots")
          .tag("loop", loop.name())
          .register(registry);
      FunctionCounter.builder("tracker.loop.failures", loop, WorkLoop::failures)
          .description("Runs of a loop that failed as a whole and were tried again")
          .tag("loop", loop.name())
          .register(registry);
    }
  }

  private void register(String kind) {
    Gauge.builder("tracker.set.aside", () -> counts.getOrDefault(kind, 0L))
        .description("Items that could not be processed and wait for an administrator")
        .tag("kind", kind)
        .register(registry);
  }

  /** Of a loop without a queue: for how long it has failed, since all it does waits as long. */
  double oldestSeconds(WorkLoop loop) {
    Instant since = oldest.get(loop.name());
    Duration waited =
        since == null
            ? loop.failingFor().orElse(Duration.ZERO)
            : Duration.between(since, clock.instant());
    return Math.max(0, waited.toMillis() / 1000.0);
  }

  /** How many items of each kind are set aside, as of the last measure. */
  Map<String, Long> setAside() {
    return counts;
  }

  @Nullable Instant succeeded(WorkLoop loop) {
    return loop.sinceSuccess().map(ago -> clock.instant().minus(ago)).orElse(null);
  }

  @Nullable Instant failingSince(WorkLoop loop) {
    return loop.failingFor().map(ago -> clock.instant().minus(ago)).orElse(null);
  }
}
