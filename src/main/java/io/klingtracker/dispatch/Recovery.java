package io.klingtracker.dispatch;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.UpstreamBody;
import io.klingtracker.dispatch.RecoveryStore.Asked;
import io.klingtracker.dispatch.RecoveryStore.Waiting;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.task.TaskId;
import io.klingtracker.upstream.Doubts;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * After a restore to an earlier moment a task that waits may have been sent since. Nothing is
 * dispatched before each account of Kling's has been asked about each of them: one account after
 * the other, by way of the doubts that every lost create becomes. What was asked is kept in memory:
 * whoever starts anew asks anew.
 */
@Singleton
class Recovery {

  private static final Logger LOG = Logger.getLogger(Recovery.class);

  /** Tasks in one statement. */
  static final int BATCH = 200;

  /** Between two looks at what Kling has answered. */
  static final Duration TURN = Duration.ofSeconds(1);

  private final RecoveryStore store;
  private final List<String> accounts;
  private final Clock clock;

  /** On how many accounts each task was asked for; as many entries as tasks wait. */
  private final Map<String, Integer> asked = new HashMap<>();

  private Runnable whenDone = () -> {};
  private String after = "";

  /** Whether somebody was asked about something since the first page. */
  private boolean begun;

  /** Tasks below this id were there when it began; null while there is no recovery. */
  private volatile @Nullable String bound;

  private volatile int left;
  private volatile boolean done;

  @Inject
  Recovery(RecoveryStore store, KlingConfig kling, Clock clock, MeterRegistry registry) {
    this(store, kling.accounts().keySet(), clock, registry);
  }

  Recovery(RecoveryStore store, Collection<String> accounts, Clock clock, MeterRegistry registry) {
    this.store = store;
    this.accounts = List.copyOf(new TreeSet<>(accounts));
    this.clock = clock;
    Gauge.builder("tracker.recovery.left", () -> left)
        .description("Tasks of a restored database that Kling has still to be asked about")
        .register(registry);
  }

  /** What is to be done once Kling was asked about all. */
  void onDone(Runnable action) {
    whenDone = action;
  }

  /** How many tasks wait. */
  int waiting() {
    return store.count(bound());
  }

  /** Whether one is under way. */
  boolean isUnderWay() {
    return bound != null;
  }

  /** Whether one has ended, so that this replica dispatches. */
  boolean isDone() {
    return done;
  }

  /** Begins to ask about every task that waits now. */
  synchronized void begin() {
    asked.clear();
    after = "";
    begun = false;
    bound = bound();
    LOG.infof("a recovery begins: Kling is asked about %s tasks that wait", waiting());
  }

  /** Above the id of every task of now. */
  private String bound() {
    return TaskId.firstAt(clock.instant().plusMillis(1));
  }

  /** Asks about some more; whether there are more to be asked about at once. */
  synchronized boolean runOnce() {
    String below = bound;
    if (below == null) {
      return false;
    }
    List<Waiting> page = store.waiting(after, below, BATCH);
    List<Asked> next = new ArrayList<>();
    for (Waiting task : page) {
      int times = asked.getOrDefault(task.taskId(), 0);
      if (times < accounts.size()) {
        question(task, accounts.get(times))
            .ifPresentOrElse(next::add, () -> asked.put(task.taskId(), accounts.size()));
      }
    }
    if (!next.isEmpty()) {
      begun = true;
      // Only what is stored counts: what was lost on the way would be dispatched unasked.
      store.doubt(next, clock.instant()).forEach(taskId -> asked.merge(taskId, 1, Integer::sum));
    }
    if (page.size() == BATCH) {
      after = page.get(page.size() - 1).taskId();
      return true;
    }
    after = "";
    left = store.unanswered(below);
    if (!begun && left == 0 && store.isOver(below, settled())) {
      bound = null;
      done = true;
      asked.clear();
      LOG.infof("the recovery is done: what waits now is not at Kling, and is dispatched");
      whenDone.run();
    }
    begun = false;
    return false;
  }

  /** Those of which nothing more is to be asked. */
  private List<String> settled() {
    return asked.entrySet().stream()
        .filter(entry -> entry.getValue() >= accounts.size())
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Empty for one that cannot be sent either. */
  private Optional<Asked> question(Waiting task, String account) {
    Optional<Kind> kind = Catalog.current().ofName(task.kind());
    if (kind.isEmpty()) {
      LOG.warnf("taskId=%s cannot be asked about: no kind %s", task.taskId(), task.kind());
      return Optional.empty();
    }
    if (kind.get().takesExternalTaskId(task.model())) {
      return Optional.of(new Asked(task.taskId(), account, null));
    }
    Optional<String> request = store.request(task.taskId());
    if (request.isEmpty()) {
      LOG.warnf("taskId=%s cannot be asked about: it has no request", task.taskId());
      return Optional.empty();
    }
    String prompt;
    try {
      prompt = UpstreamBody.prompt(kind.get(), request.get());
    } catch (RuntimeException e) {
      // Nothing but the body is read here: one that cannot be read cannot be sent.
      LOG.warnf("taskId=%s cannot be asked about: %s", task.taskId(), e.getMessage());
      return Optional.empty();
    }
    return Optional.of(new Asked(task.taskId(), account, Doubts.promptHash(prompt)));
  }
}
