package io.klingtracker.callback;

import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.Presence;
import io.klingtracker.upstream.Reports;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * Processes the stored callbacks that were not applied at once: lets each change what it may
 * change. A task that another transaction holds is not waited for; its callback comes again soon.
 * What a crash interrupts is done again, which changes nothing twice.
 */
@Startup
@Singleton
class CallbackProcessor {

  private static final Logger LOG = Logger.getLogger(CallbackProcessor.class);

  /** The kind of what is set aside here. */
  static final String SET_ASIDE = "callback";

  /** Most callbacks processed by one statement. */
  static final int BATCH = 128;

  /** The longest time between two looks, should a wake-up be lost. */
  private static final Duration POLL = Duration.ofSeconds(1);

  /** Reports kept for the next pass; with more, whoever brings them books them. */
  private static final int MAX_UNBOOKED = 2_000;

  private final Jdbi jdbi;
  private final PendingStore store;
  private final CallbackSettler settler;
  private final SetAside setAside;
  private final Reports reports;
  private final int batch;
  private final List<Reports.Report> unbooked = new ArrayList<>();
  private final Attempts unclaimed = new Attempts();
  private final WorkLoop loop;

  @Inject
  CallbackProcessor(
      Jdbi jdbi,
      PendingStore store,
      CallbackSettler settler,
      SetAside setAside,
      Reports reports,
      Presence presence,
      Loops loops) {
    this(jdbi, store, settler, setAside, reports, BATCH, presence, loops);
  }

  CallbackProcessor(
      Jdbi jdbi,
      PendingStore store,
      CallbackSettler settler,
      SetAside setAside,
      Reports reports,
      int batch,
      Presence presence,
      Loops loops) {
    this.jdbi = jdbi;
    this.store = store;
    this.settler = settler;
    this.setAside = setAside;
    this.reports = reports;
    this.batch = batch;
    this.loop =
        loops.add(
            WorkLoop.named("callbacks")
                .every(POLL)
                .atEnd(() -> reports(takeUnbooked()))
                .oldest(store::oldest)
                .work(this::runOnce));
    presence.frees("callbacks", "callback_pending", loop::wake);
    setAside.register(
        SET_ASIDE,
        "exists (select from callback_receipt r where r.id = cast(s.key as bigint))",
        this::putBack);
  }

  private Runnable putBack(Handle handle, String key, Instant now) {
    store.putBack(handle, Long.parseLong(key), now);
    return this::wake;
  }

  /** There is a new one. */
  void wake() {
    loop.wake();
  }

  /**
   * These were applied as they were stored; what is learnt from them is booked by the next pass.
   */
  void applied(List<Reports.Report> reports) {
    List<Reports.Report> tooMany = List.of();
    synchronized (unbooked) {
      unbooked.addAll(reports);
      if (unbooked.size() >= MAX_UNBOOKED) {
        tooMany = takeUnbooked();
      }
    }
    reports(tooMany);
  }

  private void reports(List<Reports.Report> done) {
    if (!done.isEmpty()) {
      reports.book(done);
    }
  }

  private List<Reports.Report> takeUnbooked() {
    synchronized (unbooked) {
      List<Reports.Report> taken = List.copyOf(unbooked);
      unbooked.clear();
      return taken;
    }
  }

  /** One pass; true when a full batch suggests that there is more. */
  boolean runOnce() {
    reports(takeUnbooked());
    List<PendingCallback> claimed =
        Batch.claim(
            () -> store.claim(batch), () -> store.due(batch), store::claim, this::unclaimed);
    Map<Long, String> verdicts = settler.settle(claimed);
    Batch.apply(
        claimed.stream().filter(callback -> verdicts.containsKey(callback.receiptId())).toList(),
        done -> settle(done, verdicts),
        settler::failed);
    return !claimed.isEmpty() && store.isFull(claimed, batch, CallbackRoute.MAX_BODY);
  }

  /** One that cannot even be claimed stays where it is, which costs the others a statement. */
  private void unclaimed(Long receiptId, RuntimeException failure) {
    String key = Long.toString(receiptId);
    int failures = unclaimed.failed(key);
    if (SetAside.isDue(failure, failures)) {
      LOG.errorf("receipt=%s a callback is set aside: %s", key, SetAside.reason(failure));
      jdbi.useHandle(handle -> setAside.put(handle, SET_ASIDE, key, null, failure, failures));
    }
  }

  private void settle(List<PendingCallback> done, Map<Long, String> verdicts) {
    Map<Long, String> some = new HashMap<>();
    for (PendingCallback callback : done) {
      some.put(callback.receiptId(), Objects.requireNonNull(verdicts.get(callback.receiptId())));
    }
    store.settle(some);
  }
}
