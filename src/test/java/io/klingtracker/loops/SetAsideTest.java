package io.klingtracker.loops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SetAsideTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final SetAside setAside = new SetAside(jdbi, clock);
  private final List<String> back = new ArrayList<>();

  @Test
  void items_are_paged_in_the_order_in_which_they_came() {
    for (int i = 0; i < 5; i++) {
      put(i % 2 == 0 ? "callback" : "check", Integer.toString(i), "reason \0" + i);
      clock.advance(Duration.ofNanos(1_000_500));
    }

    List<String> ids = new ArrayList<>();
    SetAside.Position position = SetAside.Position.START;
    for (List<SetAside.Item> page = setAside.page(null, position, 2);
        !page.isEmpty();
        page = setAside.page(null, position, 2)) {
      page.forEach(item -> ids.add(item.id()));
      position = SetAside.Position.behind(page.get(page.size() - 1));
    }
    assertEquals(List.of("callback:0", "check:1", "callback:2", "check:3", "callback:4"), ids);
    assertEquals(2, setAside.page("check", SetAside.Position.START, 10).size());
  }

  @Test
  void a_retry_puts_back_once_what_its_kind_knows() {
    setAside.register("check", "true", (handle, key, now) -> () -> back.add(key));
    put("check", "a:b", "x");
    put("other", "c", "x");

    assertTrue(setAside.retry("check:a:b"));
    assertFalse(setAside.retry("check:a:b"));
    for (String unknown : List.of("other:c", "check", "", ":", "check:\0", "check:zz")) {
      assertFalse(setAside.retry(unknown), unknown);
    }
    assertEquals(List.of("a:b"), back);
  }

  @Test
  void what_is_gone_is_forgotten_and_every_loop_is_measured() {
    setAside.register("check", "s.key <> 'gone'", (handle, key, now) -> () -> {});
    put("check", "gone", "x");
    put("check", "here", "x");
    Loops loops = new Loops();
    Instant since = clock.instant();
    loops.add(
        WorkLoop.named("broken")
            .oldest(
                () -> {
                  throw new IllegalStateException("cannot be asked");
                })
            .work(() -> false));
    WorkLoop late =
        loops.add(WorkLoop.named("late").oldest(() -> Optional.of(since)).work(() -> false));
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    LoopMetrics metrics = new LoopMetrics(loops, setAside, clock, meters);

    metrics.measure();
    clock.advance(Duration.ofSeconds(90));

    assertEquals(Map.of("check", 1L), metrics.setAside());
    assertEquals(90, metrics.oldestSeconds(late));
    assertEquals(90, meters.get("tracker.loop.oldest.seconds").tag("loop", "late").gauge().value());
    assertEquals(
        0, meters.get("tracker.loop.oldest.seconds").tag("loop", "broken").gauge().value());
    assertEquals(1, meters.get("tracker.set.aside").tag("kind", "check").gauge().value());
  }

  private void put(String kind, String key, String reason) {
    jdbi.useHandle(
        handle -> setAside.put(handle, kind, key, null, new IllegalStateException(reason), 1));
  }
}
