package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingClient;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.DeadClaims;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.Tasks;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.Settings;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.UnnamedIds;
import io.klingtracker.upstream.UpstreamParts;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import org.awaitility.Awaitility;
import org.jdbi.v3.core.Jdbi;

/** The reconciler over a test's database. */
public final class ReconcileParts {

  private final Loops loops = new Loops();
  public final SetAside setAside;
  private final Reconciler reconciler;
  private final DoubtDecisions decisions;
  private final boolean alone;

  public ReconcileParts(
      Jdbi jdbi,
      Clock clock,
      Tasks tasks,
      UpstreamParts upstream,
      KlingClient kling,
      ExecutorService executor,
      Map<String, String> settings) {
    this(
        jdbi,
        clock,
        tasks,
        upstream,
        kling,
        executor,
        settings,
        Reconciler.POLL,
        Reconciler.LIST_FROM_BY_IDS);
  }

  /**
   * With other bounds than the service's.
   *
   * @param poll the longest time between two looks
   * @param listFromByIds so many tasks of one kind are looked up in Kling's list
   */
  public ReconcileParts(
      Jdbi jdbi,
      Clock clock,
      Tasks tasks,
      UpstreamParts upstream,
      KlingClient kling,
      ExecutorService executor,
      Map<String, String> settings,
      Duration poll,
      int listFromByIds) {
    ReconcileConfig config = Settings.of(ReconcileConfig.class, settings);
    this.setAside = new SetAside(jdbi, clock);
    ReconcileStore store = new ReconcileStore(jdbi, clock, new ReplicaId());
    Doubts doubts = new Doubts(jdbi, setAside, clock);
    UnnamedIds ids = new UnnamedIds(jdbi);
    DoubtSettler settler =
        new DoubtSettler(
            doubts, tasks, upstream.plan, upstream.config, upstream.kling, clock, upstream.meters);
    CheckQueue queue =
        new CheckQueue(
            jdbi,
            store,
            setAside,
            new NotifyingEvent<>(asked -> {}),
            tasks,
            upstream.config,
            clock);
    SilenceSettler silence =
        new SilenceSettler(
            store, queue, settler, tasks, upstream.plan, config, upstream.config, clock);
    CheckSettler checkSettler =
        new CheckSettler(
            store,
            queue,
            silence,
            settler,
            ids,
            tasks,
            upstream.plan,
            upstream.reports,
            config,
            clock);
    this.decisions =
        new DoubtDecisions(jdbi, ids, doubts, settler, tasks, kling, upstream.plan, clock);
    this.alone = executor instanceof SameThread;
    this.reconciler =
        new Reconciler(
            store,
            queue,
            checkSettler,
            settler,
            kling,
            config,
            poll,
            listFromByIds,
            clock,
            executor,
            DeadClaims.silent(jdbi),
            loops);
  }

  /** With other looks of its loop, as for clocks that are ahead of time. */
  public static ReconcileParts polling(
      Duration poll,
      Jdbi jdbi,
      Clock clock,
      Tasks tasks,
      UpstreamParts upstream,
      KlingClient kling,
      ExecutorService executor,
      Map<String, String> settings) {
    return new ReconcileParts(
        jdbi, clock, tasks, upstream, kling, executor, settings, poll, Reconciler.LIST_FROM_BY_IDS);
  }

  /** One pass; where no other thread takes part it ends with the last answer. */
  public boolean runOnce() {
    boolean more = reconciler.runOnce();
    if (alone) {
      Awaitility.await()
          .pollInterval(Duration.ofMillis(2))
          .atMost(Duration.ofMinutes(1))
          .until(() -> reconciler.asking() == 0);
    }
    return more;
  }

  /** What a person can do about creates in doubt. */
  public Decisions decide() {
    return new Decisions();
  }

  /** See {@link #decide}. */
  public final class Decisions {
    /** Kling has it under this id. */
    public void accepted(String taskId, String klingTaskId) {
      decisions.accepted(taskId, klingTaskId);
    }

    /** Kling does not have it. */
    public void notAccepted(String taskId) {
      decisions.notAccepted(taskId);
    }

    /** Tasks whose creates are in doubt and went without an id of ours, the oldest first. */
    public List<String> waiting() {
      return decisions.all(1000).stream()
          .filter(open -> open.doubt().isUnnamed())
          .map(open -> open.ref().taskId())
          .toList();
    }
  }

  /** Goes on in a thread of its own from now on. */
  public void start() {
    loops.start();
  }

  /** See {@link #start}. */
  public void stop() {
    loops.close();
  }
}
