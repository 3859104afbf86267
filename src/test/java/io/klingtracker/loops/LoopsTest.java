package io.klingtracker.loops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LoopsTest {

  private final List<String> ends = new CopyOnWriteArrayList<>();

  @Test
  void begins_all_together_and_ends_them_in_reverse_order_even_when_one_fails_to_end()
      throws Exception {
    Loops loops = new Loops();
    CountDownLatch ran = new CountDownLatch(3);
    loops.add(loop("first", ran, () -> ends.add("first")));
    loops.add(
        loop(
            "second",
            ran,
            () -> {
              ends.add("second");
              throw new IllegalStateException("does not end");
            }));
    assertEquals(3, ran.getCount(), "nothing runs before the start");

    loops.start();
    loops.add(loop("late", ran, () -> ends.add("late")));

    assertTrue(ran.await(60, TimeUnit.SECONDS));
    loops.close();
    assertEquals(List.of("late", "second", "first"), ends);
  }

  @Test
  void what_never_began_ends_all_the_same() {
    Loops loops = new Loops();
    loops.add(loop("first", new CountDownLatch(1), () -> ends.add("first")));

    loops.close();

    assertEquals(List.of("first"), ends);
  }

  private static WorkLoop loop(String name, CountDownLatch ran, Runnable end) {
    return WorkLoop.named(name)
        .atEnd(end)
        .work(
            () -> {
              ran.countDown();
              return false;
            });
  }
}
