package io.klingtracker.work;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * One thread that works off a queue: it runs as long as there is work, then sleeps until it is
 * woken or until the poll interval is over. Waking is cheap and never blocks; wakes while a run is
 * under way lead to one more run.
 */
public final class WorkLoop implements AutoCloseable {

  private static final Logger LOG = Logger.getLogger(WorkLoop.class);
  private static final Duration PAUSE_AFTER_ERROR = Duration.ofSeconds(1);

  private final String name;
  private final Duration poll;
  private final long rest;
  private final Run run;
  private final Semaphore wakes = new Semaphore(0);
  private final Thread thread;
  private final CountDownLatch stopped = new CountDownLatch(1);

  /** One pass over the queue. */
  @FunctionalInterface
  public interface Run {
    /**
     * Works off one bounded batch.
     *
     * @return true when there may be more to do at once
     */
    boolean once() throws Exception;
  }

  private WorkLoop(String name, Duration poll, Duration rest, Run run) {
    this.name = name;
    this.poll = poll;
    this.rest = rest.toNanos();
    this.run = run;
    this.thread = new Thread(this::loop, name);
    thread.setDaemon(true);
  }

  /**
   * Starts a loop.
   *
   * @param name the thread's name
   * @param poll longest sleep between two runs
   * @param run one pass
   */
  public static WorkLoop start(String name, Duration poll, Run run) {
    return start(name, poll, Duration.ZERO, run);
  }

  /**
   * Starts a loop that does not follow every wake-up at once when they come fast: what has gathered
   * meanwhile costs hardly more than one piece of it.
   *
   * @param name the thread's name
   * @param poll longest sleep between two runs
   * @param rest least time from the begin of a run that left nothing to the begin of the next
   * @param run one pass
   */
  public static WorkLoop start(String name, Duration poll, Duration rest, Run run) {
    WorkLoop loop = new WorkLoop(name, poll, rest, run);
    loop.thread.start();
    return loop;
  }

  /** Makes the loop run now, or once more after the run under way. */
  public void wake() {
    if (wakes.availablePermits() == 0) {
      wakes.release();
    }
  }

  private void loop() {
    while (!isStopped()) {
      try {
        wakes.drainPermits();
        long began = System.nanoTime();
        boolean more = run.once();
        if (!more && !isStopped()) {
          wakes.tryAcquire(poll.toMillis(), TimeUnit.MILLISECONDS);
          rest(began);
        }
      } catch (InterruptedException e) {
        // close() interrupts a sleep; the flag ends the loop.
        continue;
      } catch (Exception e) {
        if (!isStopped()) {
          LOG.warnf("%s failed and tries again: %s", name, e.getMessage());
          LOG.debugf(e, "%s failed", name);
          pause();
        }
      }
    }
  }

  private boolean isStopped() {
    return stopped.getCount() == 0;
  }

  private void rest(long began) throws InterruptedException {
    long left = rest - (System.nanoTime() - began);
    if (left > 0 && stopped.await(left, TimeUnit.NANOSECONDS)) {
      LOG.debugf("%s ends", name);
    }
  }

  private void pause() {
    try {
      Thread.sleep(PAUSE_AFTER_ERROR.toMillis());
    } catch (InterruptedException e) {
      // close() interrupts; the flag ends the loop.
    }
  }

  /** Stops after the run under way and waits for it, 10 seconds at most. */
  @Override
  public void close() {
    stopped.countDown();
    wake();
    try {
      thread.join(TimeUnit.SECONDS.toMillis(10));
      if (thread.isAlive()) {
        thread.interrupt();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
