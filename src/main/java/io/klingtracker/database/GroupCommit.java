package io.klingtracker.database;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.jboss.logging.Logger;

/**
 * Writes what comes at the same time in one statement and one commit; each caller's stage ends with
 * the commit of its group. There is no timer: whoever finds nobody writing writes at once, in its
 * own thread, and what comes meanwhile is the next group. Items of one key are written in the order
 * in which they came. An item that cannot be written fails alone.
 *
 * @param <T> what is written
 * @param <R> what is said about it
 */
public final class GroupCommit<T, R> implements AutoCloseable {

  private static final Logger LOG = Logger.getLogger(GroupCommit.class);
  private static final Duration FULL = Duration.ofSeconds(1);
  private static final long STOP_MILLIS = 10_000;

  /** So many items in a row that wait in vain for a lock, and it is not the items. */
  private static final int LOCKED_OUT = 2;

  private final String what;
  private final int batch;
  private final Write<T, R> write;
  private final List<Writer> writers;
  private volatile boolean stopped;

  /** One statement. */
  @FunctionalInterface
  public interface Write<T, R> {
    /** Answers each item, in the order of the items; all are durable when this returns, or none. */
    List<R> all(List<T> items);
  }

  /**
   * Bounds.
   *
   * @param enabled false: a statement for each item, in its caller's thread
   * @param queue items that may wait; more are deferred
   * @param writers groups that are written at the same time; items of one key share a writer
   * @param batch most items in a group
   */
  public record Bounds(boolean enabled, int queue, int writers, int batch) {}

  private record Waiting<T, R>(T item, CompletableFuture<R> answer) {}

  /**
   * Begins to accept items.
   *
   * @param what the items, for people and thread names
   */
  public GroupCommit(String what, Bounds bounds, Write<T, R> write) {
    this.what = what;
    this.batch = Math.max(1, bounds.batch());
    this.write = write;
    int writers = bounds.enabled() ? Math.max(1, bounds.writers()) : 0;
    int room = Math.max(1, bounds.queue() / Math.max(1, writers));
    this.writers =
        IntStream.range(0, writers).mapToObj(number -> new Writer(number, room)).toList();
    this.writers.forEach(writer -> writer.thread.start());
  }

  /**
   * Writes an item.
   *
   * @param key items with equal keys are written in the order in which they are added
   * @return ends when the item is durable, or with what is wrong with it, or with a {@link
   *     ProblemException} when it was deferred
   */
  public CompletionStage<R> add(Object key, T item) {
    Waiting<T, R> waiting = new Waiting<>(item, new CompletableFuture<>());
    if (writers.isEmpty()) {
      writeAlone(waiting);
    } else {
      writers.get(Math.floorMod(key.hashCode(), writers.size())).add(waiting);
    }
    return waiting.answer;
  }

  /** Writes what waits and takes no more. */
  @Override
  public void close() {
    stopped = true;
    writers.forEach(Writer::wake);
    for (Writer writer : writers) {
      try {
        writer.thread.join(STOP_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void writeAll(List<Waiting<T, R>> group) {
    List<R> answers = write.all(group.stream().map(Waiting::item).toList());
    if (answers.size() != group.size()) {
      throw new IllegalStateException(answers.size() + " answers for " + group.size() + " items");
    }
    for (int i = 0; i < group.size(); i++) {
      group.get(i).answer.complete(answers.get(i));
    }
  }

  private void writeAlone(Waiting<T, R> waiting) {
    try {
      writeAll(List.of(waiting));
    } catch (RuntimeException e) {
      waiting.answer.completeExceptionally(e);
    }
  }

  private void putOff(Collection<Waiting<T, R>> items) {
    items.forEach(waiting -> waiting.answer.completeExceptionally(Availability.problem()));
  }

  /** One writer and what waits for it. */
  private final class Writer {

    private final Thread thread;
    private final int room;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition turn = lock.newCondition();
    private final Queue<Waiting<T, R>> queue = new ArrayDeque<>();
    private boolean writing;

    Writer(int number, int room) {
      this.room = room;
      this.thread = new Thread(this::run, what + "-writer-" + number);
      thread.setDaemon(true);
    }

    void add(Waiting<T, R> waiting) {
      if (begins(waiting)) {
        try {
          write(List.of(waiting));
        } finally {
          end();
        }
      }
    }

    /** Whether the caller is to write the item; else it waits, or is refused. */
    private boolean begins(Waiting<T, R> waiting) {
      lock.lock();
      try {
        if (stopped || queue.size() >= room) {
          waiting.answer.completeExceptionally(
              new ProblemException(
                  ErrorCode.UNAVAILABLE, "too many " + what + " at once; try again", FULL));
          return false;
        }
        if (writing || !queue.isEmpty()) {
          queue.add(waiting);
          return false;
        }
        writing = true;
        return true;
      } finally {
        lock.unlock();
      }
    }

    private void end() {
      lock.lock();
      try {
        writing = false;
        turn.signal();
      } finally {
        lock.unlock();
      }
    }

    void wake() {
      lock.lock();
      try {
        turn.signal();
      } finally {
        lock.unlock();
      }
    }

    private void run() {
      for (List<Waiting<T, R>> group = next(); !group.isEmpty(); group = next()) {
        try {
          write(group);
        } finally {
          end();
        }
      }
    }

    /** Nothing means the end. */
    private List<Waiting<T, R>> next() {
      lock.lock();
      try {
        while (writing || queue.isEmpty() && !stopped) {
          turn.awaitUninterruptibly();
        }
        List<Waiting<T, R>> group = take(batch);
        writing = !group.isEmpty();
        return group;
      } finally {
        lock.unlock();
      }
    }

    private List<Waiting<T, R>> take(int most) {
      lock.lock();
      try {
        List<Waiting<T, R>> taken = new ArrayList<>(Math.min(most, queue.size()));
        while (taken.size() < most && !queue.isEmpty()) {
          taken.add(queue.remove());
        }
        return taken;
      } finally {
        lock.unlock();
      }
    }

    private void write(List<Waiting<T, R>> group) {
      try {
        writeAll(group);
      } catch (RuntimeException e) {
        if (isAway(e)) {
          putAllOff(group, e);
        } else if (group.size() == 1) {
          group.get(0).answer.completeExceptionally(e);
        } else {
          LOG.debugf("%s fail together and are written one by one: %s", what, e.getMessage());
          writeOneByOne(group);
        }
      } catch (Error e) {
        group.forEach(waiting -> waiting.answer.completeExceptionally(e));
        throw e;
      }
    }

    /** One bad item must not fail its neighbours, nor must one that is locked hold them all up. */
    private void writeOneByOne(List<Waiting<T, R>> group) {
      int lockedOut = 0;
      for (int i = 0; i < group.size(); i++) {
        Waiting<T, R> waiting = group.get(i);
        try {
          writeAll(List.of(waiting));
          lockedOut = 0;
        } catch (RuntimeException e) {
          lockedOut = SqlStates.isLockTimeout(e) ? lockedOut + 1 : 0;
          waiting.answer.completeExceptionally(e);
          if (isAway(e) || lockedOut == LOCKED_OUT) {
            putAllOff(group.subList(i + 1, group.size()), e);
            return;
          }
        }
      }
    }

    /** Those behind would wait for the same time-out, one group after the other. */
    private void putAllOff(List<Waiting<T, R>> group, RuntimeException failure) {
      LOG.warnf("%s cannot be stored: %s", what, failure.getMessage());
      putOff(group);
      putOff(take(Integer.MAX_VALUE));
    }

    private boolean isAway(RuntimeException failure) {
      return SqlStates.isDatabaseAway(failure) && !SqlStates.isLockTimeout(failure);
    }
  }
}
