package io.klingtracker.callback;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.problem.ProblemMapper;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jboss.logging.Logger;

/**
 * Stores receipts in groups: a few threads each take what is waiting and write it in one statement,
 * without a timer, so that a single receipt waits for nobody and many share a commit. Each caller's
 * stage ends with the commit of its group.
 */
@Singleton
class ReceiptWriter {

  private static final Logger LOG = Logger.getLogger(ReceiptWriter.class);
  private static final Duration AWAY = Duration.ofSeconds(2);
  private static final Duration FULL = Duration.ofSeconds(1);
  private static final long IDLE_MILLIS = 500;
  private static final long STOP_MILLIS = 10_000;

  private final ReceiptStore store;
  private final int batch;
  private final List<Lane> lanes;
  private volatile boolean stopped;

  private record Waiting(Receipt receipt, CompletableFuture<Void> stored) {}

  @Inject
  ReceiptWriter(ReceiptStore store, CallbackConfig config) {
    this.store = store;
    this.batch = Math.max(1, config.batch());
    int writers = Math.max(1, config.writers());
    int room = Math.max(1, config.queue() / writers);
    this.lanes = IntStream.range(0, writers).mapToObj(number -> new Lane(number, room)).toList();
    lanes.forEach(lane -> lane.thread.start());
  }

  /**
   * Stores a receipt.
   *
   * @return ends when it is durable, or with a {@link ProblemException} that says why it is not
   */
  CompletionStage<Void> keep(Receipt receipt) {
    Waiting waiting = new Waiting(receipt, new CompletableFuture<>());
    Lane lane = lanes.get(Math.floorMod(receipt.taskId().hashCode(), lanes.size()));
    if (stopped || !lane.queue.offer(waiting)) {
      waiting.stored.completeExceptionally(
          new ProblemException(
              ErrorCode.UNAVAILABLE, "too many callbacks at once; try again", FULL));
    }
    return waiting.stored;
  }

  @PreDestroy
  void close() {
    stopped = true;
    for (Lane lane : lanes) {
      try {
        lane.thread.join(STOP_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** One thread and what waits for it. The callbacks of a task share a lane. */
  private final class Lane {
    private final BlockingQueue<Waiting> queue;
    private final Thread thread;

    Lane(int number, int room) {
      this.queue = new ArrayBlockingQueue<>(room);
      this.thread = new Thread(this::run, "callback-writer-" + number);
      thread.setDaemon(true);
    }

    private void run() {
      while (!stopped || !queue.isEmpty()) {
        try {
          Waiting first = queue.poll(IDLE_MILLIS, TimeUnit.MILLISECONDS);
          if (first != null) {
            List<Waiting> group = new ArrayList<>(batch);
            group.add(first);
            queue.drainTo(group, batch - 1);
            write(group);
          }
        } catch (InterruptedException e) {
          // Nobody interrupts us but a container that stops; the flag ends the loop.
          continue;
        } catch (RuntimeException e) {
          LOG.errorf(e, "a writer of callbacks failed and goes on");
        }
      }
    }

    private void write(List<Waiting> group) {
      try {
        store(group);
      } catch (RuntimeException e) {
        if (ProblemMapper.isDatabaseAway(e)) {
          LOG.warnf("callbacks cannot be stored, the database is away: %s", e.getMessage());
          // Those behind would wait for the same time-out, one group after the other.
          queue.drainTo(group);
          group.forEach(waiting -> fail(waiting, unavailable()));
        } else if (group.size() > 1) {
          // One bad row must not fail its neighbours.
          group.forEach(waiting -> write(new ArrayList<>(List.of(waiting))));
        } else {
          LOG.errorf(e, "taskId=%s a callback cannot be stored", group.get(0).receipt.taskId());
          group.forEach(waiting -> fail(waiting, e));
        }
      }
    }

    private void store(List<Waiting> group) {
      Map<String, Receipt> different = new LinkedHashMap<>();
      group.forEach(
          waiting -> different.merge(waiting.receipt.key(), waiting.receipt, Receipt::and));
      Collection<Receipt> receipts = different.values();
      Set<String> kept = ReceiptWriter.this.store.keep(receipts);
      for (Waiting waiting : group) {
        if (kept.contains(waiting.receipt.key())) {
          waiting.stored.complete(null);
        } else {
          fail(
              waiting,
              new ProblemException(
                  ErrorCode.RATE_LIMITED, "too many different callbacks for this task", FULL));
        }
      }
    }

    private void fail(Waiting waiting, RuntimeException failure) {
      waiting.stored.completeExceptionally(failure);
    }
  }

  private static ProblemException unavailable() {
    return new ProblemException(
        ErrorCode.UNAVAILABLE, "the service cannot store anything right now; try again", AWAY);
  }
}
