package io.klingtracker.loops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class WorkLoopTest {

  private static final Duration LONG = Duration.ofHours(1);

  private final AtomicInteger runs = new AtomicInteger();

  @Test
  void runs_again_for_each_wake_up() throws Exception {
    Semaphore ran = new Semaphore(0);
    try (WorkLoop loop =
        WorkLoop.named("test")
            .every(LONG)
            .work(
                () -> {
                  ran.release();
                  return false;
                })
            .start()) {
      for (int i = 0; i < 3; i++) {
        assertTrue(ran.tryAcquire(10, TimeUnit.SECONDS), "run " + i);
        loop.wake();
      }
      assertTrue(ran.tryAcquire(10, TimeUnit.SECONDS), "the last wake-up");
    }
  }

  @Test
  void goes_on_at_once_while_there_is_more_and_rests_after_it() throws Exception {
    CountDownLatch left = new CountDownLatch(1);
    WorkLoop loop =
        WorkLoop.named("test")
            .every(LONG)
            .rest(LONG)
            .work(
                () -> {
                  boolean more = runs.incrementAndGet() < 3;
                  if (!more) {
                    left.countDown();
                  }
                  return more;
                })
            .start();
    assertTrue(left.await(60, TimeUnit.SECONDS));
    for (int i = 0; i < 100; i++) {
      loop.wake();
    }

    long start = System.nanoTime();
    loop.close();

    assertTrue(System.nanoTime() - start < Duration.ofSeconds(9).toNanos(), "a rest ends early");
    assertEquals(3, runs.get());
  }
}
