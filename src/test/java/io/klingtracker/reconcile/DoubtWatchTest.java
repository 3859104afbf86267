package io.klingtracker.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.Doubts;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponse.Status;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What operators see of creates in doubt. */
class DoubtWatchTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00.000Z"));
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final DoubtWatch watch =
      new DoubtWatch(
          new Doubts(jdbi, new SetAside(jdbi, clock), clock), clock, meters, new Loops());

  @Test
  void they_are_counted_by_cause_and_an_old_one_is_unwell() {
    jdbi.useHandle(
        h -> {
          h.execute("insert into tenant (id, name, created_at) values ('acme', 'Acme', now())");
          doubt(h, "a", "not-asked", 60);
          doubt(h, "b", "not-asked", 100);
          doubt(h, "c", "exists", 20);
          // Its answer is awaited.
          doubt(h, "d", null, 500);
        });
    watch.look();

    assertEquals(2, gauge("tracker.doubts", "not-asked"));
    assertEquals(100, gauge("tracker.doubts.oldest.seconds", "not-asked"));
    assertEquals(1, gauge("tracker.doubts", "exists"));
    assertEquals(20, gauge("tracker.doubts.oldest.seconds", "exists"));
    assertEquals(0, gauge("tracker.doubts", "no-answer"));
    HealthCheckResponse well = watch.call();
    assertEquals(Status.UP, well.getStatus());
    assertEquals(
        Map.of("not-asked", "2, the oldest for 100 s", "exists", "1, the oldest for 20 s"),
        well.getData().orElseThrow());

    clock.advance(DoubtWatch.LONG);
    assertEquals(Status.DOWN, watch.call().getStatus());

    jdbi.useHandle(h -> h.execute("update dispatch_queue set doubt = null"));
    watch.look();
    assertEquals(0, gauge("tracker.doubts.oldest.seconds", "not-asked"));
    assertEquals(Status.UP, watch.call().getStatus());
  }

  private void doubt(Handle handle, String name, @Nullable String cause, int seconds) {
    String id = "task_" + name.repeat(26);
    Instant sentAt = clock.instant().minus(Duration.ofSeconds(seconds));
    handle.execute(
        """
        insert into task (id, tenant_id, kind, status, sequence, feed_position, created_at, updated_at)
        values (?, 'acme', 'text2video', 'queued', 1, 0, now(), now())
        """,
        id);
    handle
        .createUpdate(
            """
            insert into dispatch_queue (task_id, tenant_id, family, due_at, sent_at, doubt)
            values (:id, 'acme', 'video', now(), :sentAt, :cause)
            """)
        .bind("id", id)
        .bind("sentAt", sentAt)
        .bind("cause", cause)
        .execute();
  }

  private double gauge(String name, String cause) {
    return meters.get(name).tag("cause", cause).gauge().value();
  }
}
