package io.klingtracker.watch;

import io.klingtracker.loops.Loops;
import io.klingtracker.share.Shares;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.task.TasksRemoved;
import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;

/** Makes a {@link ChangeNotifier} for tests of other packages. */
public final class Watches {

  private static final Map<ChangeNotifier, Loops> RUNNING = new ConcurrentHashMap<>();

  private Watches() {}

  /** Over the given database; it is not started, so it wakes nobody. */
  public static ChangeNotifier over(Jdbi jdbi) {
    return new ChangeNotifier(jdbi, jdbi, Clock.systemUTC(), new Loops());
  }

  /** Places for so many who wait. */
  public static Waits waits(int most) {
    return new Waits(
        Settings.of(
            WatchConfig.class, Map.of("tracker.watch.max-watchers", Integer.toString(most))),
        new Shares(new SimpleMeterRegistry()),
        () -> {});
  }

  /** Long-polls that look with these tasks. */
  public static LongPoll longPoll(Tasks tasks, ChangeNotifier notifier, Waits waits) {
    return new LongPoll(tasks, notifier, waits);
  }

  /** As at the beginning of a shutdown. */
  public static void endAll(Waits waits) {
    waits.endAll();
  }

  /** A replica's that receives what other replicas announce; it never looks by itself. */
  public static ChangeNotifier listening(Jdbi jdbi) throws InterruptedException {
    Loops loops = new Loops();
    ChangeNotifier notifier =
        new ChangeNotifier(jdbi, jdbi, Duration.ofHours(1), Clock.systemUTC(), loops);
    RUNNING.put(notifier, loops);
    loops.start();
    awaitListening(notifier, jdbi);
    return notifier;
  }

  /** As the commit of changes on the watch's own replica does. */
  public static void changed(ChangeNotifier notifier, TasksChanged changes) {
    notifier.onChange(changes);
  }

  /** As the commit of a removal on the watch's own replica does. */
  public static void removed(ChangeNotifier notifier, TasksRemoved removed) {
    notifier.onRemoval(removed);
  }

  /** Ends what {@link #listening} began. */
  public static void stop(ChangeNotifier notifier) {
    Loops loops = RUNNING.remove(notifier);
    if (loops != null) {
      loops.close();
    }
  }

  /**
   * The first thing a listener does once it listens is to wake everybody, each once: whoever is
   * woken twice was meant by name, and that is over.
   */
  static void awaitListening(ChangeNotifier notifier, Jdbi jdbi) throws InterruptedException {
    CountDownLatch listening = new CountDownLatch(2);
    try (Subscription waiting = notifier.task("task_listening", listening::countDown)) {
      while (!listening.await(20, TimeUnit.MILLISECONDS)) {
        jdbi.useHandle(
            handle ->
                handle
                    .createQuery(
                        "select pg_notify('kling_task_tracker_changes', 'other task_listening')")
                    .mapTo(String.class)
                    .list());
      }
    }
  }
}
