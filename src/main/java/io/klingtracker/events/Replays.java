package io.klingtracker.events;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.runtime.ShutdownEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Sends events again that Kafka has had before, with the ids they had and marked as replayed. One
 * replay at a time per replica, in a thread of its own beside the relay, at a bounded rate. It is
 * not resumed after a crash: whoever asked for it asks again, consumers drop what they know.
 */
@Singleton
class Replays {

  private static final Logger LOG = Logger.getLogger(Replays.class);
  private static final Duration ACK_LIMIT = Duration.ofSeconds(30);
  private static final int PAGES_PER_SECOND = 5;

  private final ReplayStore store;
  private final Channels channels;
  private final RelayConfig config;
  private @Nullable Running latest;

  /** Which events; null means all. */
  record Selection(
      @Nullable String taskId,
      @Nullable String tenant,
      @Nullable Instant from,
      @Nullable Instant to) {}

  /** How far a replay is: {@code running}, {@code done}, {@code failed} or {@code stopped}. */
  record Progress(UUID id, String state, long events, long sent, @Nullable String reason) {}

  private static final class Running {
    private final UUID id = UUID.randomUUID();
    private final long events;
    private volatile long sent;
    private volatile String state = "running";
    private volatile @Nullable String reason;
    private volatile boolean stop;

    Running(long events) {
      this.events = events;
    }

    Progress progress() {
      return new Progress(id, state, events, sent, reason);
    }
  }

  @Inject
  Replays(ReplayStore store, Channels channels, RelayConfig config) {
    this.store = store;
    this.channels = channels;
    this.config = config;
  }

  long count(Selection selection) {
    return store.count(selection);
  }

  synchronized Progress start(Selection selection) {
    if (latest != null && latest.state.equals("running")) {
      throw new ProblemException(
          ErrorCode.CONFLICT, "a replay is under way; see GET /admin/v1/events/replay");
    }
    long events = store.count(selection);
    if (events > config.replay().limit()) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          events + " events are more than one replay may send; narrow it down");
    }
    Running running = new Running(events);
    latest = running;
    Thread thread = new Thread(() -> run(running, selection), "replay");
    thread.setDaemon(true);
    thread.start();
    return running.progress();
  }

  synchronized Optional<Progress> latest() {
    return Optional.ofNullable(latest).map(Running::progress);
  }

  synchronized void onStop(@Observes ShutdownEvent stop) {
    if (latest != null) {
      latest.stop = true;
    }
  }

  private void run(Running running, Selection selection) {
    try {
      EventSink sink = channels.sink(true);
      int page = Math.max(1, config.replay().rate() / PAGES_PER_SECOND);
      ReplayStore.Place place = ReplayStore.Place.START;
      List<ReplayStore.Replayed> events = store.page(selection, place, page);
      while (!events.isEmpty() && !running.stop) {
        long began = System.nanoTime();
        send(sink, events);
        running.sent += events.size();
        place = events.get(events.size() - 1).place();
        pause(began, events.size());
        events = store.page(selection, place, page);
      }
      running.state = running.stop ? "stopped" : "done";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      running.state = "stopped";
    } catch (ExecutionException | TimeoutException | RuntimeException e) {
      LOG.warnf("the replay ended after %d events: %s", running.sent, e.getMessage());
      running.reason = "Kafka or the database failed; ask again for the rest";
      running.state = "failed";
    }
  }

  private static void send(EventSink sink, List<ReplayStore.Replayed> events)
      throws InterruptedException, ExecutionException, TimeoutException {
    CompletableFuture<?>[] sends =
        events.stream()
            .map(event -> sink.send(event.message()).toCompletableFuture())
            .toArray(CompletableFuture[]::new);
    CompletableFuture.allOf(sends).get(ACK_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void pause(long began, int events) throws InterruptedException {
    long due = began + TimeUnit.SECONDS.toNanos(1) * events / Math.max(1, config.replay().rate());
    long left = due - System.nanoTime();
    if (left > 0) {
      TimeUnit.NANOSECONDS.sleep(left);
    }
  }
}
