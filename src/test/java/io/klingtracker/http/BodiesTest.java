package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What bodies under way may take. */
class BodiesTest {

  private static final int MIB = 1 << 20;

  private final Vertx vertx = Vertx.vertx();

  @AfterEach
  void end() {
    vertx.close();
  }

  @Test
  void parts_of_every_size_come_together_in_their_order() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 50; round++) {
      Gathered gathered = new Gathered();
      Buffer expected = Buffer.buffer();
      int parts = random.nextInt(40);
      for (int i = 0; i < parts; i++) {
        byte[] part = new byte[random.nextInt(random.nextBoolean() ? 3 : 5000)];
        random.nextBytes(part);
        gathered.add(Buffer.buffer(part));
        expected.appendBytes(part);
        assertEquals(expected.length(), gathered.length());
      }
      assertEquals(expected, gathered.whole());
    }
  }

  @Test
  void a_large_body_is_charged_for_its_copies_as_it_arrives_and_a_small_one_as_it_is() {
    BodyBudget budget = budget(64 * MIB);
    BodyBudget.Charge small = budget.charge("a");
    BodyBudget.Charge large = budget.charge("b");

    assertTrue(small.take(1000).isEmpty());
    assertTrue(large.take(MIB).isEmpty());

    assertEquals(1000, held("small"));
    assertEquals((double) BodyBudget.COPIES * MIB, held("large"));
    small.release();
    small.release();
    large.release();
    assertEquals(0, held("small"));
    assertEquals(0, held("large"));
  }

  @Test
  void the_largest_body_finds_room_when_it_is_alone_and_a_second_one_is_told_to_come_back() {
    BodyBudget budget = budget(1);
    BodyBudget.Charge first = budget.charge("a");
    BodyBudget.Charge second = budget.charge("b");
    assertTrue(first.refusal(HttpParts.MOST).isEmpty());
    for (int i = 0; i < HttpParts.MOST / MIB; i++) {
      assertTrue(first.take(MIB).isEmpty(), i + " MiB");
    }

    assertTrue(second.refusal(MIB).isPresent());
    assertTrue(second.take(MIB).isPresent());
    first.release();
    assertTrue(budget.charge("b").take(MIB).isEmpty());
  }

  @Test
  void of_two_large_bodies_that_arrive_together_one_is_read() {
    BodyBudget budget = budget(1);
    BodyBudget.Charge first = budget.charge("a");
    BodyBudget.Charge second = budget.charge("a");
    assertTrue(first.refusal(HttpParts.MOST).isEmpty());
    assertTrue(second.refusal(HttpParts.MOST).isEmpty());

    assertTrue(first.take(MIB).isEmpty());
    assertTrue(second.take(MIB).isPresent());
    second.release();
    for (int i = 1; i < HttpParts.MOST / MIB; i++) {
      assertTrue(first.take(MIB).isEmpty(), i + " MiB");
    }
  }

  @Test
  void callbacks_have_memory_that_no_caller_can_take() {
    BodyBudget budget = budget(64 * MIB);
    BodyBudget.Charge greedy = budget.charge("a");
    int taken = 0;
    while (greedy.take(MIB).isEmpty()) {
      taken++;
    }
    assertTrue(taken > 0);
    while (budget.charge("a").take(1000).isEmpty()) {
      taken++;
    }

    assertTrue(budget.chargeCallback().take(MIB).isEmpty());
  }

  private HttpParts parts;

  private BodyBudget budget(long bytes) {
    parts = new HttpParts(vertx, Map.of("tracker.http.body-memory", Long.toString(bytes)));
    return parts.budget;
  }

  private double held(String part) {
    return parts.meters.get("tracker.http.body.bytes").tag("part", part).gauge().value();
  }
}
