package io.klingtracker.watch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.task.TasksRemoved;
import io.klingtracker.testing.TestDatabase;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ChangeNotifierTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-01-31T12:00:00Z"), ZoneOffset.UTC);

  private final List<Loops> replicas = new ArrayList<>();

  @AfterEach
  void stop() {
    replicas.forEach(Loops::close);
  }

  @Test
  void a_change_wakes_who_waits_for_the_task_and_for_the_tenant_and_nobody_else() throws Exception {
    ChangeNotifier notifier = replica();
    CountDownLatch task = new CountDownLatch(1);
    CountDownLatch tenant = new CountDownLatch(1);
    AtomicInteger others = new AtomicInteger();
    notifier.task("task_a", task::countDown);
    notifier.tenant("acme", tenant::countDown);
    // A replica that has just begun to listen wakes everybody once.
    Watches.awaitListening(notifier, DATABASE.jdbi());
    notifier.task("task_b", others::incrementAndGet);
    notifier.tenant("umbrella", others::incrementAndGet);

    notifier.onChange(change("task_a", "acme"));

    assertTrue(task.await(60, TimeUnit.SECONDS));
    assertTrue(tenant.await(60, TimeUnit.SECONDS));
    assertEquals(0, others.get());
  }

  @Test
  void a_change_on_one_replica_wakes_who_waits_on_another() throws Exception {
    ChangeNotifier here = replica();
    ChangeNotifier there = replica();
    Watches.awaitListening(there, DATABASE.jdbi());
    CountDownLatch woken = new CountDownLatch(1);
    there.task("task_a", woken::countDown);

    here.onChange(change("task_a", "acme"));

    assertTrue(woken.await(60, TimeUnit.SECONDS));
  }

  @Test
  void a_removal_on_one_replica_is_known_on_another() throws Exception {
    ChangeNotifier here = replica();
    ChangeNotifier there = replica();
    Watches.awaitListening(there, DATABASE.jdbi());
    CountDownLatch known = new CountDownLatch(1);
    there.removals(
        ids -> {
          // A replica that listens anew takes any for removed.
          if (ids.contains("task_a")) {
            known.countDown();
          }
        });

    here.onRemoval(new TasksRemoved(List.of("task_a")));

    assertTrue(known.await(60, TimeUnit.SECONDS));
  }

  @Test
  void announcements_are_cut_to_what_a_notification_holds_and_too_many_become_a_look_at_all() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      names.add("task_0000000000000000000000000" + (i % 10) + i);
    }

    List<String> texts = Announcement.texts("r", names, false);

    List<String> read = new ArrayList<>();
    texts.forEach(text -> read.addAll(Announcement.of(text).names()));
    assertEquals(names, read);
    assertTrue(texts.stream().allMatch(text -> text.length() < 8000));
    for (int i = 0; i < 5; i++) {
      names.addAll(List.copyOf(names));
    }
    assertEquals(List.of("r"), Announcement.texts("r", names, false));
    assertEquals(List.of("r"), Announcement.texts("r", List.of("task_a"), true));
  }

  private ChangeNotifier replica() {
    Loops loops = new Loops();
    ChangeNotifier notifier =
        new ChangeNotifier(DATABASE.jdbi(), DATABASE.jdbi(), Duration.ofHours(1), CLOCK, loops);
    loops.start();
    replicas.add(loops);
    return notifier;
  }

  private static TasksChanged change(String task, String tenant) {
    return new TasksChanged(List.of(new TaskChanged(task, tenant, 2, TaskStatus.SUBMITTED, false)));
  }
}
