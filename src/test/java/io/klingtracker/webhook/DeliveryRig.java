package io.klingtracker.webhook;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.egress.Failure;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.webhook.DeliveryQueue.Breaker;
import io.klingtracker.webhook.DeliveryQueue.Claimed;
import io.klingtracker.webhook.DeliveryQueue.HostQueueChange;
import io.klingtracker.webhook.DeliveryQueue.Room;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** A queue of deliveries and who claims and settles them. */
abstract class DeliveryRig {

  final TestDatabase database;
  static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  static final Duration PAUSE = Duration.ofSeconds(1);

  /** More than any test sends in a second, but for those of the rate. */
  static final int RATE = 1000;

  static final Breaker BREAKER =
      new Breaker(
          5, Duration.ofSeconds(5), Duration.ofMinutes(1), Duration.ofDays(5), Duration.ofHours(1));

  final DeliveryQueue queue;
  final PlannedDeliveries planned;

  DeliveryRig(TestDatabase database) {
    this.database = database;
    queue = new DeliveryQueue(database.jdbi(), "hosts");
    planned = new PlannedDeliveries(database.jdbi());
  }

  /** Claims and settles until all is done; now and then an attempt fails or its sender dies. */
  Callable<Object> replica(
      SplittableRandom random, Map<String, List<Integer>> received, Future<?> changes) {
    return () -> {
      Instant now = T0;
      int idle = 0;
      while (idle < 20) {
        now = now.plusSeconds(1);
        List<Delivery> claimed = claim(now, room(7, 3));
        boolean nothing = claimed.isEmpty() && changes.isDone() && planned.waiting().isEmpty();
        idle = nothing ? idle + 1 : 0;
        for (Delivery delivery : claimed) {
          int fate = random.nextInt(10);
          if (fate > 0) {
            synchronized (received) {
              received
                  .computeIfAbsent(delivery.taskId(), k -> new ArrayList<>())
                  .add(delivery.sequence());
            }
          }
          if (fate > 1) {
            settle(delivered(delivery, now));
          } else if (fate == 1 || random.nextBoolean()) {
            settle(failed(delivery, now, now.plusSeconds(3)));
          } else {
            foundDead(delivery);
          }
        }
      }
      return now;
    };
  }

  /** What presence does about a claim whose claimer has died. */
  void foundDead(Delivery delivery) {
    database
        .jdbi()
        .useHandle(
            h ->
                h.execute(
                    "update webhook_delivery set claimed_until = null, claimed_by = null where claimed_by = ?",
                    delivery.claim()));
  }

  List<Delivery> claim(Instant now) {
    return claim(now, room(100, 10));
  }

  /** As the sender does: whatever is not in its turn is queued up, and the claim repeated. */
  List<Delivery> claim(Instant now, Room room) {
    Claimed claimed = claimOnce(now, room);
    for (int i = 0; claimed.deliveries().isEmpty() && !claimed.behind().isEmpty() && i < 9; i++) {
      queue.queueUp(claimed.behind(), now, PAUSE);
      claimed = claimOnce(now, room);
    }
    queue.queueUp(claimed.behind(), now, PAUSE);
    return claimed.deliveries();
  }

  Claimed claimOnce(Instant now, Room room) {
    return queue.claim(room, "@00000001/" + UUID.randomUUID(), now);
  }

  List<HostQueueChange> settle(Settlement settlement) {
    return queue.settle(List.of(settlement), BREAKER);
  }

  static Room room(int batch, int perHost) {
    return new Room(batch, perHost, 1000, BREAKER.after(), RATE);
  }

  static Settlement delivered(Delivery delivery, Instant at) {
    return Settlement.of(
        delivery,
        new AttemptResult.Answered(200, null, "ok", Duration.ofMillis(3)),
        new AttemptOutcome.Delivered(),
        at);
  }

  static Settlement failed(Delivery delivery, Instant at, @Nullable Instant again) {
    return Settlement.of(
        delivery,
        new AttemptResult.Unanswered(Failure.CONNECT, "nobody", Duration.ofMillis(3)),
        again == null
            ? new AttemptOutcome.Failed("connect", true, false)
            : new AttemptOutcome.Retry(again, "connect", true, false),
        at);
  }
}
