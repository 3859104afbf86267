package io.klingtracker.watch;

import io.klingtracker.database.Columns;
import io.klingtracker.database.LongLived;
import io.klingtracker.database.LongSessions;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.task.ResultsKept;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.task.TasksRemoved;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Wakes whoever waits for a change of a task or of any task of a tenant: after the commit, in
 * process at once, and on the other replicas by one notification per batch of changes. A waiter
 * costs a map entry: no thread and no connection (each replica listens on one). A wake-up says that
 * there may be news, no more; the waiter looks for itself.
 */
@Startup
@Singleton
public class ChangeNotifier {

  private static final Logger LOG = Logger.getLogger(ChangeNotifier.class);
  private static final String CHANNEL = "kling_task_tracker_changes";
  private static final String ANNOUNCE =
      "select pg_notify('" + CHANNEL + "', text) from unnest(cast(:texts as text[])) as a(text)";

  /** How long one look for notifications waits; also how soon a stop is noticed. */
  private static final Duration LISTEN_TURN = Duration.ofMillis(500);

  /** A silent connection is asked for a sign of life after so many turns. */
  private static final int TURNS_TO_PROBE = 10;

  /** Changes that may wait to be passed on; more are replaced by waking everybody once. */
  private static final int QUEUE = 10_000;

  /** Between two announcements to the other replicas; what happens in between shares one. */
  private static final Duration ANNOUNCE_PAUSE = Duration.ofMillis(25);

  /** Nobody sleeps longer than this without a look, should an announcement be lost. */
  static final Duration FALLBACK_POLL = Duration.ofSeconds(10);

  /** Tenants and tasks share the map of names; the dot keeps a tenant called like a task apart. */
  private static final String TENANT = "tenant.";

  /** Before the id of a task of which nothing remembered is true any more. */
  private static final String REMOVED = "removed.";

  /** The name of those who wait for whatever changes. */
  private static final String ANY = "any.";

  private final Jdbi jdbi;
  private final Jdbi sessions;
  private final Duration fallbackPoll;
  private final Watchers watchers;
  private final String replica = UUID.randomUUID().toString();
  private final BlockingQueue<TaskChanged> changed;
  private final AtomicBoolean overflown = new AtomicBoolean();
  private final Set<String> unannounced = new LinkedHashSet<>();
  private boolean announceEverything;
  private final List<Consumer<Set<String>>> removals = new CopyOnWriteArrayList<>();
  private final WorkLoop waker;
  private final WorkLoop announcer;
  private @Nullable Handle session;
  private int silentTurns;

  @Inject
  ChangeNotifier(Jdbi jdbi, @LongLived Jdbi sessions, Clock clock, Loops loops) {
    this(jdbi, sessions, FALLBACK_POLL, clock, loops);
  }

  ChangeNotifier(Jdbi jdbi, Jdbi sessions, Duration fallbackPoll, Clock clock, Loops loops) {
    this.jdbi = jdbi;
    this.sessions = sessions;
    this.fallbackPoll = fallbackPoll;
    this.watchers = new Watchers(clock);
    this.changed = new ArrayBlockingQueue<>(QUEUE);
    loops.add(
        WorkLoop.named("watch-listener")
            .every(LISTEN_TURN)
            .atEnd(this::closeSession)
            .work(this::listen));
    this.announcer =
        loops.add(WorkLoop.named("watch-announcer").every(fallbackPoll).work(this::announce));
    this.waker =
        loops.add(
            WorkLoop.named("watch").every(fallbackPoll.dividedBy(10)).work(this::wakeWatchers));
  }

  /**
   * Waits for changes of one task. To miss nothing, begin to watch first and read then.
   *
   * @param wake is run on the hub's thread after each change, and now and then for nothing; it must
   *     neither block nor ask the database
   */
  public Subscription task(String taskId, Runnable wake) {
    return watchers.add(taskId, wake);
  }

  /** Waits for changes of any task of a tenant; see {@link #task}. */
  public Subscription tenant(String tenant, Runnable wake) {
    return watchers.add(TENANT + tenant, wake);
  }

  /** Waits for changes of anything, made by any replica; see {@link #task}. */
  public Subscription anything(Runnable wake) {
    return watchers.add(ANY, wake);
  }

  /**
   * Receives the ids of tasks that are no more, or that have other copies of their results,
   * whichever replica did it; none where any may be such.
   *
   * @param forget is run on a thread of the hub's; it must neither block nor ask the database
   */
  public void removals(Consumer<Set<String>> forget) {
    removals.add(forget);
  }

  void onRemoval(@Observes TasksRemoved removed) {
    forget(removed.taskIds());
  }

  void onResults(@Observes ResultsKept kept) {
    forget(kept.taskIds());
  }

  private void forget(List<String> taskIds) {
    Set<String> ids = new LinkedHashSet<>(taskIds);
    removals.forEach(forget -> forget.accept(ids));
    synchronized (unannounced) {
      ids.forEach(id -> unannounced.add(REMOVED + id));
    }
    announcer.wake();
  }

  void onChange(@Observes TasksChanged changes) {
    for (TaskChanged change : changes.changes()) {
      if (!changed.offer(change)) {
        overflown.set(true);
      }
    }
    waker.wake();
  }

  private boolean wakeWatchers() {
    List<TaskChanged> batch = new ArrayList<>();
    changed.drainTo(batch);
    Set<String> names = new LinkedHashSet<>();
    for (TaskChanged change : batch) {
      names.add(change.taskId());
      names.add(TENANT + change.tenant());
    }
    boolean everything = overflown.getAndSet(false);
    if (everything) {
      watchers.wakeAll();
    } else {
      names.forEach(watchers::wake);
      if (!names.isEmpty()) {
        watchers.wake(ANY);
      }
      watchers.wakeSleepers(fallbackPoll);
    }
    if (everything || !names.isEmpty()) {
      synchronized (unannounced) {
        announceEverything |= everything || unannounced.size() + names.size() > QUEUE;
        if (announceEverything) {
          unannounced.clear();
        } else {
          unannounced.addAll(names);
        }
      }
      announcer.wake();
    }
    return !changed.isEmpty();
  }

  private boolean announce() throws InterruptedException {
    List<String> texts;
    synchronized (unannounced) {
      if (unannounced.isEmpty() && !announceEverything) {
        return false;
      }
      texts = Announcement.texts(replica, unannounced, announceEverything);
      unannounced.clear();
      announceEverything = false;
    }
    try {
      jdbi.useHandle(
          handle ->
              Columns.of(handle.createQuery(ANNOUNCE), texts)
                  .texts("texts", text -> text)
                  .rest()
                  .mapTo(String.class)
                  .list());
    } catch (RuntimeException e) {
      synchronized (unannounced) {
        announceEverything = true;
      }
      throw e;
    }
    TimeUnit.MILLISECONDS.sleep(ANNOUNCE_PAUSE.toMillis());
    return true;
  }

  private boolean listen() throws SQLException {
    try {
      Handle current = session;
      if (current == null) {
        current = LongSessions.open(sessions);
        session = current;
        current.execute("listen " + CHANNEL);
        // Whatever was said while nobody listened is lost.
        wakeAll();
      }
      Connection connection = current.getConnection();
      PGNotification[] notifications =
          connection
              .unwrap(PGConnection.class)
              .getNotifications(Math.toIntExact(LISTEN_TURN.toMillis()));
      if (notifications == null || notifications.length == 0) {
        if (++silentTurns >= TURNS_TO_PROBE) {
          silentTurns = 0;
          LongSessions.requireWritable(current);
        }
      } else {
        silentTurns = 0;
        Set<String> names = new LinkedHashSet<>();
        for (PGNotification notification : notifications) {
          try {
            receive(Announcement.of(notification.getParameter()), names);
          } catch (RuntimeException e) {
            LOG.warnf("an announcement is none of ours: %s", SetAside.reason(e));
          }
        }
        wake(names);
      }
      return true;
    } catch (RuntimeException | SQLException e) {
      closeSession();
      throw e;
    }
  }

  private void receive(Announcement announcement, Set<String> names) {
    if (announcement.replica().equals(replica)) {
      return;
    }
    if (announcement.names().isEmpty()) {
      wakeAll();
    } else {
      names.addAll(announcement.names());
    }
  }

  private void wakeAll() {
    watchers.wakeAll();
    removals.forEach(forget -> forget.accept(Set.of()));
  }

  private void wake(Set<String> names) {
    Set<String> removed = new LinkedHashSet<>();
    for (String name : names) {
      if (name.startsWith(REMOVED)) {
        removed.add(name.substring(REMOVED.length()));
      } else {
        watchers.wake(name);
      }
    }
    if (!removed.isEmpty()) {
      removals.forEach(forget -> forget.accept(removed));
    }
    if (removed.size() < names.size()) {
      watchers.wake(ANY);
    }
  }

  private void closeSession() {
    Handle old = session;
    session = null;
    if (old != null) {
      LongSessions.discard(old);
    }
  }
}
