package io.klingtracker.watch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Two replicas on one database: a change made by one answers who waits at the other. */
class LongPollTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int CHANGES = 100;

  @Test
  void who_waits_at_another_replica_is_answered_by_the_commit_alone() throws Exception {
    Rows.tenants(DATABASE.jdbi(), "acme");
    ChangeNotifier watchHere = Watches.listening(DATABASE.jdbi());
    ChangeNotifier watchThere = Watches.listening(DATABASE.jdbi());
    try {
      Tasks here =
          TasksOnDatabase.of(
              DATABASE.jdbi(), Clock.systemUTC(), changes -> Watches.changed(watchHere, changes));
      Tasks there = TasksOnDatabase.of(DATABASE.jdbi(), Clock.systemUTC());
      LongPoll waiting = new LongPoll(there, watchThere, Watches.waits(10));
      List<Long> took = new ArrayList<>();
      for (int i = 0; i < CHANGES + 10; i++) {
        String id = submit(here);
        Task first = there.find("acme", id).orElseThrow();
        CompletableFuture<Long> answered =
            waiting
                .until(first, now -> now.sequence() > 1, Duration.ofMinutes(30))
                .map(
                    waited -> {
                      assertEquals(2, waited.task().sequence());
                      return System.nanoTime();
                    })
                .subscribeAsCompletionStage();

        here.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
        long committed = System.nanoTime();
        long at = answered.get(60, TimeUnit.SECONDS);
        // The first few load classes.
        if (i >= 10) {
          took.add(Math.max(0, at - committed));
        }
      }

      took.sort(null);
      System.out.printf(
          "long-poll on another replica, commit to answer: p50 %.1f ms, p95 %.1f ms, worst %.1f ms%n",
          took.get(CHANGES / 2) / 1e6,
          took.get(CHANGES * 95 / 100) / 1e6,
          took.get(CHANGES - 1) / 1e6);
    } finally {
      Watches.stop(watchHere);
      Watches.stop(watchThere);
    }
  }

  private static String submit(Tasks tasks) {
    return GivenTask.of("acme").submit(tasks);
  }
}
