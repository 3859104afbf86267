package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
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
  void a_large_body_is_charged_as_it_arrives_and_for_its_copies_when_it_is_whole() {
    BodyBudget budget = budget(64 * MIB);
    BodyBudget.Charge small = budget.charge("a");
    BodyBudget.Charge large = budget.charge("b");

    assertTrue(small.take(1000).isEmpty());
    assertTrue(small.whole().isEmpty());
    assertTrue(large.take(1000).isEmpty());
    assertTrue(large.take(MIB - 1000).isEmpty());
    assertEquals(1000, held("small"));
    assertEquals(MIB, held("large"));
    assertEquals(0, held("copies"));

    assertTrue(large.whole().isEmpty());
    assertEquals((LargeBodyWork.COPIES - 1.0) * MIB, held("copies"));
    small.release();
    small.release();
    large.release();
    assertEquals(0, held("small"));
    assertEquals(0, held("large"));
    assertEquals(0, held("copies"));
  }

  @Test
  void of_two_tenants_largest_bodies_one_is_worked_on_and_the_other_told_to_come_back() {
    BodyBudget budget = budget(1);
    BodyBudget.Charge first = budget.charge("a");
    BodyBudget.Charge second = budget.charge("b");
    for (int i = 0; i < HttpParts.MOST / MIB; i++) {
      assertTrue(first.take(MIB).isEmpty(), i + " MiB");
      assertTrue(second.take(MIB).isEmpty(), i + " MiB");
    }

    assertTrue(second.whole().isEmpty());
    assertTrue(first.whole().isPresent());
    assertEquals(HttpParts.MOST, held("large"), "who is refused holds nothing");
    second.release();
    assertTrue(sendWhole(budget.charge("a"), HttpParts.MOST));
  }

  @Test
  void of_large_bodies_of_one_tenant_that_arrive_together_one_is_read() throws Exception {
    BodyBudget budget = budget(1);
    int bodies = 4;
    CyclicBarrier together = new CyclicBarrier(bodies);
    ExecutorService threads = Executors.newFixedThreadPool(bodies);
    AtomicLong most = new AtomicLong();
    try {
      List<Future<Boolean>> read = new ArrayList<>();
      for (int i = 0; i < bodies; i++) {
        BodyBudget.Charge charge = budget.charge("a");
        read.add(
            threads.submit(
                () -> {
                  charge.take(MIB);
                  together.await(20, TimeUnit.SECONDS);
                  for (int part = 16; part < HttpParts.MOST / (MIB / 16); part++) {
                    if (charge.take(MIB / 16).isPresent()) {
                      return false;
                    }
                    most.accumulateAndGet((long) held("large"), Math::max);
                  }
                  return charge.whole().isEmpty();
                }));
      }
      int whole = 0;
      for (Future<Boolean> one : read) {
        whole += one.get(60, TimeUnit.SECONDS) ? 1 : 0;
      }
      assertEquals(1, whole);
      assertTrue(most.get() <= 2L * HttpParts.MOST, most + " bytes");
      assertEquals(HttpParts.MOST, held("large"));
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void slow_bodies_of_one_tenant_leave_half_to_the_next_who_comes() {
    BodyBudget budget = budget(1);
    List<BodyBudget.Charge> slow = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      BodyBudget.Charge charge = budget.charge("a");
      charge.take(3 * MIB);
      slow.add(charge);
    }
    assertTrue(held("large") <= HttpParts.MOST, held("large") + " bytes");

    assertTrue(sendWhole(budget.charge("b"), 3 * MIB));
    assertTrue(sendWhole(budget.charge("b"), 3 * MIB));
    slow.get(0).take(1);
    assertTrue(held("large") <= 2.0 * HttpParts.MOST);
  }

  private static boolean sendWhole(BodyBudget.Charge charge, int length) {
    for (int i = 0; i < length / MIB; i++) {
      if (charge.take(MIB).isPresent()) {
        return false;
      }
    }
    return charge.whole().isEmpty();
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
