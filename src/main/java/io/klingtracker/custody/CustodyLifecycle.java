package io.klingtracker.custody;

import io.klingtracker.egress.DnsResolver;
import io.klingtracker.egress.PinnedClient;
import io.klingtracker.egress.TargetConfig;
import io.klingtracker.egress.TargetPolicy;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.storage.Storage;
import io.klingtracker.storage.StorageConfig;
import io.klingtracker.task.ResultsKept;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.upstream.ResultConfig;
import io.klingtracker.upstream.ResultHosts;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import io.vertx.core.Vertx;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/** Puts custody together where it is configured, and runs it. */
@Startup
@Singleton
class CustodyLifecycle {

  /** How often due copies are looked for when nothing else wakes the loop. */
  private static final Duration POLL = Duration.ofSeconds(1);

  /**
   * Between two claims: with {@link Custody#PARALLEL}, at most twenty tasks a second on a replica.
   */
  static final Duration REST = Duration.ofMillis(400);

  private static final Duration SWEEP = Duration.ofSeconds(1);
  private static final Duration CONNECT = Duration.ofSeconds(5);

  /** For all of one result. */
  static final Duration WHOLE = Duration.ofMinutes(15);

  private final @Nullable Storage storage;
  private final @Nullable WorkLoop copying;

  @Inject
  CustodyLifecycle(
      CustodyConfig config,
      StorageConfig buckets,
      CustodyStore store,
      ResultConfig results,
      TargetConfig targets,
      TargetPolicy policy,
      Event<ResultsKept> events,
      ExecutorService executor,
      ReplicaId me,
      Presence presence,
      MeterRegistry meters,
      Vertx vertx,
      Clock clock,
      Loops loops) {
    if (config.url().isEmpty()) {
      storage = null;
      copying = null;
      return;
    }
    Storage place = Storage.of(config.url().get(), buckets);
    storage = place;
    DnsResolver resolver = new DnsResolver(CONNECT, targets.dnsServer().orElse(null));
    PinnedClient client =
        new PinnedClient(
            vertx,
            resolver,
            policy,
            new PinnedClient.Limits(CONNECT, WHOLE, 0, Custody.PARALLEL),
            null,
            clock);
    Custody custody =
        new Custody(
            store,
            new Copier(
                client,
                new ResultHosts(results.resultHosts()),
                place,
                Copier.MAX_BYTES,
                Copier.IDLE),
            place,
            config.keep(),
            events,
            executor,
            me,
            meters,
            clock);
    WorkLoop loop =
        loops.add(
            WorkLoop.named("custody")
                .every(POLL)
                .rest(REST)
                .atEnd(
                    () -> {
                      client.close();
                      resolver.close();
                    })
                .oldest(() -> store.oldest(clock.instant()))
                .work(custody::runOnce));
    copying = loop;
    custody.wakeBy(loop::wake);
    presence.frees("custody", "custody_queue", loop::wake);
    loops.add(WorkLoop.named("custody-sweep").every(SWEEP).work(custody::deleteOnce));
    executor.execute(custody::deleteLeft);
  }

  void onChange(@Observes TasksChanged changes) {
    WorkLoop loop = copying;
    if (loop != null
        && changes.changes().stream().anyMatch(change -> change.status() == TaskStatus.SUCCEED)) {
      loop.wake();
    }
  }

  /** Where copies are; empty where results are not copied. */
  Optional<Storage> storage() {
    return Optional.ofNullable(storage);
  }
}
