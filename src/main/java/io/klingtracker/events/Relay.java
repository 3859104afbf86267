package io.klingtracker.events;

import io.klingtracker.task.TasksChanged;
import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Brings committed events to Kafka: read, send, await the acknowledgements, delete. Killed anywhere
 * in between, it sends some again. An event goes out only after the one before it of the same task
 * was acknowledged.
 */
@Singleton
class Relay {

  private static final Logger LOG = Logger.getLogger(Relay.class);

  private final OutboxStore store;
  private final EventPublisher publisher;
  private final RelayConfig config;
  private @Nullable Handle session;
  private boolean leads;
  private @Nullable WorkLoop loop;

  @Inject
  Relay(OutboxStore store, EventPublisher publisher, RelayConfig config) {
    this.store = store;
    this.publisher = publisher;
    this.config = config;
  }

  void onStart(@Observes StartupEvent start) {
    loop = WorkLoop.start("relay", config.poll(), this::runOnce);
  }

  void onStop(@Observes ShutdownEvent stop) {
    if (loop != null) {
      loop.close();
    }
    closeSession();
  }

  void onChange(@Observes TasksChanged changes) {
    if (loop != null) {
      loop.wake();
    }
  }

  /** One batch; true when there may be more. */
  boolean runOnce() throws InterruptedException {
    try {
      Handle current = session == null ? store.open() : session;
      session = current;
      leads = leads || store.lock(current);
      if (!leads) {
        return false;
      }
      List<OutboxMessage> batch = store.next(current, config.batch());
      boolean all = batch.isEmpty() || publish(current, batch);
      return all && batch.size() == config.batch();
    } catch (RuntimeException e) {
      // The lock is gone with the session, if the session is gone; a new one asks for it again.
      closeSession();
      throw e;
    }
  }

  /**
   * Sends the batch in waves, each with at most one event per task. True when Kafka took
   * everything.
   */
  private boolean publish(Handle current, List<OutboxMessage> batch) throws InterruptedException {
    List<OutboxMessage> rest = batch;
    while (!rest.isEmpty()) {
      List<OutboxMessage> wave = new ArrayList<>();
      List<OutboxMessage> next = new ArrayList<>();
      Set<String> tasks = new HashSet<>();
      rest.forEach(message -> (tasks.add(message.taskId()) ? wave : next).add(message));
      List<OutboxMessage> sent = acknowledged(wave);
      if (!sent.isEmpty()) {
        store.delete(current, sent);
      }
      if (sent.size() < wave.size()) {
        return false;
      }
      rest = next;
    }
    return true;
  }

  private List<OutboxMessage> acknowledged(List<OutboxMessage> wave) throws InterruptedException {
    List<CompletableFuture<Void>> sends = new ArrayList<>();
    for (OutboxMessage message : wave) {
      sends.add(publisher.send(message).toCompletableFuture());
    }
    Throwable failure = null;
    try {
      CompletableFuture.allOf(sends.toArray(CompletableFuture[]::new))
          .get(config.ackTimeout().toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      failure = e.getCause();
    } catch (TimeoutException e) {
      failure = e;
    }
    List<OutboxMessage> sent = new ArrayList<>();
    for (int i = 0; i < wave.size(); i++) {
      if (sends.get(i).isDone() && !sends.get(i).isCompletedExceptionally()) {
        sent.add(wave.get(i));
      }
    }
    if (failure != null) {
      LOG.warnf(
          "Kafka took %d of %d events and is tried again: %s",
          sent.size(), wave.size(), failure.getMessage());
    }
    return sent;
  }

  private void closeSession() {
    Handle old = session;
    session = null;
    leads = false;
    if (old != null) {
      try {
        store.unlock(old);
        old.close();
      } catch (RuntimeException e) {
        LOG.debugf(e, "closing a broken session");
      }
    }
  }
}
