package io.klingtracker.loops;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One thread that processes a queue: it runs as long as there is work, then sleeps until it is
 * woken or until the poll interval is over. Waking is cheap and never blocks; wakes while a run is
 * under way lead to one more run.
 */
public final class WorkLoop implements AutoCloseable {

  private static final Logger LOG = Logger.getLogger(WorkLoop.class);
  private static final Duration PAUSE_AFTER_ERROR = Duration.ofSeconds(1);
  private static final long STOP_MILLIS = 10_000;

  private final String name;
  private final Duration poll;
  private final long rest;
  private final Run run;
  private final Runnable end;
  private final Oldest oldest;
  private final Semaphore wakes = new Semaphore(0);
  private final Thread thread;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private final AtomicLong failures = new AtomicLong();
  private volatile @Nullable Long succeeded;
  private volatile @Nullable Long failing;

  /** One pass over the queue. */
  @FunctionalInterface
  public interface Run {
    /**
     * Processes one bounded batch.
     *
     * @return true when there may be more to do at once
     */
    boolean once() throws Exception;
  }

  /** Since when the oldest item waits that a loop is to process; one cheap question. */
  @FunctionalInterface
  public interface Oldest {
    /** Empty when nothing waits. */
    Optional<Instant> waitsSince();
  }

  /** What a loop is made of. */
  public static final class Builder {

    private final String name;
    private Duration poll = Duration.ofSeconds(1);
    private Duration rest = Duration.ZERO;
    private Runnable end = () -> {};
    private Oldest oldest = Optional::empty;

    private Builder(String name) {
      this.name = name;
    }

    /** Longest sleep between two runs; one second unless said otherwise. */
    public Builder every(Duration most) {
      this.poll = most;
      return this;
    }

    /**
     * Least time from the begin of a run that left nothing to the begin of the next: what has
     * gathered meanwhile costs hardly more than one piece of it. None unless said otherwise.
     */
    public Builder rest(Duration least) {
      this.rest = least;
      return this;
    }

    /** What is still to be done once the loop has ended, in the thread that closes it. */
    public Builder atEnd(Runnable action) {
      this.end = action;
      return this;
    }

    /** Asked now and then, for operators; a loop without a queue leaves it out. */
    public Builder oldest(Oldest question) {
      this.oldest = question;
      return this;
    }

    /** The loop, not yet begun; see {@link Loops#add}. */
    public WorkLoop work(Run run) {
      return new WorkLoop(this, run);
    }
  }

  private WorkLoop(Builder builder, Run run) {
    this.name = builder.name;
    this.poll = builder.poll;
    this.rest = builder.rest.toNanos();
    this.end = builder.end;
    this.oldest = builder.oldest;
    this.run = run;
    this.thread = new Thread(this::loop, name);
    thread.setDaemon(true);
  }

  /** Begins to describe a loop; its name is the thread's too, and unique. */
  public static Builder named(String name) {
    return new Builder(name);
  }

  /** The loop's name. */
  public String name() {
    return name;
  }

  /** Begins. */
  public WorkLoop start() {
    thread.start();
    return this;
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
        succeeded();
        if (!more && !isStopped()) {
          wakes.tryAcquire(poll.toMillis(), TimeUnit.MILLISECONDS);
          rest(began);
        }
      } catch (InterruptedException e) {
        // close() interrupts a sleep; the flag ends the loop.
        continue;
      } catch (Exception e) {
        if (!isStopped()) {
          failed();
          LOG.warnf("%s failed and tries again: %s", name, e.getMessage());
          LOG.debugf(e, "%s failed", name);
          pause();
        }
      }
    }
  }

  private void succeeded() {
    succeeded = System.nanoTime();
    if (failing != null) {
      failing = null;
    }
  }

  private void failed() {
    failures.incrementAndGet();
    if (failing == null) {
      failing = System.nanoTime();
    }
  }

  /** How long ago a run went well; empty when none has yet. */
  Optional<Duration> sinceSuccess() {
    return since(succeeded);
  }

  /** For how long every run has failed; empty when the latest went well. */
  Optional<Duration> failingFor() {
    return since(failing);
  }

  private static Optional<Duration> since(@Nullable Long nanos) {
    return nanos == null
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(Math.max(0, System.nanoTime() - nanos)));
  }

  /** Runs that failed, ever. */
  long failures() {
    return failures.get();
  }

  Oldest oldest() {
    return oldest;
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
  public void stop() {
    stopped.countDown();
    wake();
    try {
      thread.join(STOP_MILLIS);
      if (thread.isAlive()) {
        thread.interrupt();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** {@link #stop Stops}, then does what is still to be done. */
  @Override
  public void close() {
    stop();
    end.run();
  }
}
