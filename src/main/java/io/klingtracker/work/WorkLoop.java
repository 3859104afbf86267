package io.klingtracker.work;

import java.time.Duration;
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
  private final Run run;
  private final Semaphore wakes = new Semaphore(0);
  private final Thread thread;
  private volatile boolean stopped;

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

  private WorkLoop(String name, Duration poll, Run run) {
    this.name = name;
    this.poll = poll;
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
    WorkLoop loop = new WorkLoop(name, poll, run);
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
    while (!stopped) {
      try {
        wakes.drainPermits();
        boolean more = run.once();
        if (!more && !stopped) {
          wakes.tryAcquire(poll.toMillis(), TimeUnit.MILLISECONDS);
        }
      } catch (InterruptedException e) {
        // close() interrupts a sleep; the flag ends the loop.
        continue;
      } catch (Exception e) {
        if (!stopped) {
          LOG.warnf("%s failed and tries again: %s", name, e.getMessage());
          LOG.debugf(e, "%s failed", name);
          pause();
        }
      }
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
    stopped = true;
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
