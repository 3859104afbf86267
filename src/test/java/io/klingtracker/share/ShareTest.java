package io.klingtracker.share;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ShareTest {

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final AtomicLong nanos = new AtomicLong();
  private final List<Refusal> refusals = new ArrayList<>();

  private Share brief(long max) {
    return new Share(
        Bound.brief("calls", "calls", max, ErrorCode.RATE_LIMITED, RETRY),
        nanos::get,
        refusals::add);
  }

  private Share lasting(long max) {
    return new Share(
        Bound.lasting("streams", "streams", max, ErrorCode.UNAVAILABLE, RETRY),
        nanos::get,
        refusals::add);
  }

  @Test
  void a_tenant_alone_takes_nearly_all_and_another_still_finds_room() {
    Share share = brief(8);
    List<Permit> greedy = permits(share, "greedy", 7);
    assertInstanceOf(Refusal.class, share.enter("greedy", 1));

    Permit other = share.enter("other", 1).orThrow();

    assertEquals(8, share.held());
    greedy.get(0).close();
    Refusal refusal = assertInstanceOf(Refusal.class, share.enter("greedy", 1));
    assertTrue(refusal.overShare());
    assertEquals(
        "your share of calls (calls) is 4 of 8 while others want some, and you hold 6; try again",
        refusal.problem().getMessage());
    other.close();
    assertEquals(6, share.held());
  }

  @Test
  void who_was_refused_is_kept_a_place_for_a_while() {
    Share share = brief(2);
    Permit first = share.enter("first", 1).orThrow();
    share.enter("second", 1).orThrow();
    assertInstanceOf(Refusal.class, share.enter("third", 1));

    first.close();
    assertInstanceOf(Refusal.class, share.enter("second", 1));
    Permit third = share.enter("third", 1).orThrow();

    assertInstanceOf(Refusal.class, share.enter("first", 1));
    third.close();
    assertInstanceOf(Refusal.class, share.enter("third", 1));
    nanos.addAndGet(RETRY.multipliedBy(3).toNanos());
    share.enter("third", 1).orThrow();
  }

  @Test
  void who_has_gone_is_forgotten_after_a_while() {
    Share share = brief(8);
    share.enter("other", 1).orThrow().close();
    List<Permit> held = permits(share, "busy", 4);
    assertInstanceOf(Refusal.class, share.enter("busy", 1));

    nanos.addAndGet(TimeUnit.SECONDS.toNanos(Share.WANTED_SECONDS));

    held.addAll(permits(share, "busy", 3));
    assertEquals(7, share.held("busy"));
  }

  @Test
  void where_holdings_last_the_oldest_of_the_greediest_makes_room() {
    Share share = lasting(4);
    List<String> ended = new ArrayList<>();
    List<Permit> greedy = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      String name = "greedy-" + i;
      greedy.add(share.enter("greedy", 1, () -> ended.add(name)).orThrow());
    }

    Permit other = share.enter("other", 1, () -> ended.add("other")).orThrow();
    share.enter("other", 1, () -> ended.add("other")).orThrow();

    assertEquals(List.of("greedy-0", "greedy-1"), ended);
    assertFalse(greedy.get(0).isOpen());
    greedy.get(0).close();
    assertEquals(4, share.held());
    assertInstanceOf(Refusal.class, share.enter("greedy", 1, () -> {}));
    assertInstanceOf(Refusal.class, share.enter("other", 1, () -> {}));
    other.close();
    share.enter("third", 1, () -> {}).orThrow();
    assertEquals(2, ended.size());
  }

  @Test
  void a_holding_that_does_not_end_well_does_not_harm_who_needs_its_place() {
    Share share = lasting(1);
    share
        .enter(
            "greedy",
            1,
            () -> {
              throw new IllegalStateException("gone");
            })
        .orThrow();
    // One of one is no more than anybody's part.
    assertInstanceOf(Refusal.class, share.enter("other", 1, () -> {}));

    Share two = lasting(2);
    for (int i = 0; i < 2; i++) {
      two.enter(
              "greedy",
              1,
              () -> {
                throw new IllegalStateException("gone");
              })
          .orThrow();
    }
    assertTrue(two.enter("other", 1, () -> {}).orThrow().isOpen());
  }

  @Test
  void bytes_are_counted_as_they_come() {
    Share share = brief(100);
    Permit one = share.enter("acme", 10).orThrow();
    assertInstanceOf(Permit.class, one.grow(80));
    assertInstanceOf(Refusal.class, one.grow(20));
    assertEquals(90, share.held());

    Permit other = share.enter("other", 10).orThrow();
    assertInstanceOf(Refusal.class, other.grow(1));
    one.close();
    assertInstanceOf(Permit.class, other.grow(1));
    assertThrows(IllegalStateException.class, () -> one.grow(1));
    other.close();
    assertEquals(0, share.held());
  }

  @Test
  void to_ask_beforehand_takes_nothing() {
    Share share = brief(8);
    assertTrue(share.refusal("acme", 8).isEmpty());
    assertEquals(0, share.held());
    permits(share, "acme", 7);

    assertTrue(share.refusal("acme", 1).isPresent());
    assertEquals(1, refusals.size());
    assertTrue(share.refusal("other", 1).isEmpty());
  }

  @Test
  void refusals_are_counted_and_say_what_to_do() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    Share share =
        new Shares(registry)
            .of(Bound.brief("calls", "calls of Kling", 1, ErrorCode.RATE_LIMITED, RETRY));
    share.enter("acme", 1).orThrow();

    ProblemException refused =
        assertThrows(ProblemException.class, () -> share.enter("acme", 1).orThrow());

    assertEquals(ErrorCode.RATE_LIMITED, refused.code());
    assertEquals(RETRY, refused.retryAfter());
    assertEquals(
        "too many calls of Kling at once (calls, at most 1); try again", refused.getMessage());
    assertEquals(1, registry.get("tracker.share.refused").tag("bound", "calls").counter().count());
    assertEquals(1, registry.get("tracker.share.held").tag("bound", "calls").gauge().value());
    assertEquals(1, registry.get("tracker.share.max").tag("bound", "calls").gauge().value());
  }

  @Test
  void whatever_happens_the_bound_holds_and_nobody_starves() {
    long seed = System.nanoTime();
    System.out.println("ShareTest seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 1000; round++) {
      boolean lasts = random.nextBoolean();
      int max = 2 + random.nextInt(30);
      Share share = lasts ? lasting(max) : brief(max);
      String story = "seed " + seed + ", round " + round;
      Map<String, List<Permit>> open = new HashMap<>();
      int tenants = 1 + random.nextInt(5);
      for (int step = 0; step < 300; step++) {
        nanos.addAndGet(random.nextInt(400_000_000));
        String tenant = "tenant-" + random.nextInt(tenants);
        List<Permit> mine = open.computeIfAbsent(tenant, name -> new ArrayList<>());
        mine.removeIf(permit -> !permit.isOpen());
        if (random.nextInt(3) == 0 && !mine.isEmpty()) {
          mine.remove(random.nextInt(mine.size())).close();
          continue;
        }
        long before = share.held(tenant);
        boolean othersHold = share.held() > before;
        Entry entry = lasts ? share.enter(tenant, 1, () -> {}) : share.enter(tenant, 1);
        if (entry instanceof Permit permit) {
          mine.add(permit);
          assertTrue(
              !othersHold || before == 0 || before + 1 <= share.bound().share(),
              story + ": over its share while others hold some");
        } else if (lasts) {
          // An equal part is always to be had.
          assertTrue(before + 1 > max / Math.max(2, tenants) || before > 0, story);
        }
        assertTrue(share.held() <= max, story + ": over the bound");
      }
      assertNobodyStarves(share, lasts, open, random, story);
      open.values().forEach(mine -> mine.forEach(Permit::close));
      assertEquals(0, share.held(), story + ": not all was given back");
    }
  }

  /** A newcomer that tries again comes in its turn: as many holdings end as tenants were before. */
  private static void assertNobodyStarves(
      Share share, boolean lasts, Map<String, List<Permit>> open, Random random, String story) {
    List<Permit> held = new ArrayList<>();
    open.values().forEach(held::addAll);
    int ends = 0;
    while (true) {
      Entry entry = lasts ? share.enter("newcomer", 1, () -> {}) : share.enter("newcomer", 1);
      if (entry instanceof Permit permit) {
        permit.close();
        return;
      }
      held.removeIf(permit -> !permit.isOpen());
      assertTrue(ends++ <= open.size(), story + ": a newcomer starves");
      if (!held.isEmpty()) {
        held.remove(random.nextInt(held.size())).close();
      }
      // The others are faster.
      for (Map.Entry<String, List<Permit>> other : open.entrySet()) {
        String tenant = other.getKey();
        Entry theirs = lasts ? share.enter(tenant, 1, () -> {}) : share.enter(tenant, 1);
        if (theirs instanceof Permit permit) {
          held.add(permit);
          other.getValue().add(permit);
        }
      }
    }
  }

  @Test
  void many_threads_at_once_leave_nothing_behind() throws Exception {
    Share share = lasting(16);
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        String tenant = "tenant-" + i % 3;
        all.add(
            threads.submit(
                () -> {
                  for (int n = 0; n < 2000; n++) {
                    if (share.enter(tenant, 1, () -> {}) instanceof Permit permit) {
                      assertTrue(share.held() <= 16);
                      permit.close();
                    }
                  }
                }));
      }
      for (Future<?> one : all) {
        one.get(30, TimeUnit.SECONDS);
      }
    } finally {
      threads.shutdownNow();
    }
    assertEquals(0, share.held());
  }

  private static List<Permit> permits(Share share, String tenant, int count) {
    List<Permit> permits = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      permits.add(share.enter(tenant, 1).orThrow());
    }
    return permits;
  }
}
