package io.klingtracker.loops;

import io.klingtracker.database.SqlStates;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * The guard around every item of every loop: all together; where that fails, halves, down to the
 * items that fail alone, each of which is handed to whoever decides about it. So whatever one item
 * holds, it delays no other. A database that is away is no item's failure: it is passed on, and the
 * loop tries again.
 */
public final class Batch {

  private static final Logger LOG = Logger.getLogger(Batch.class);

  /** So many items in a row that run into a time-out, and it is not the items. */
  private static final int TIMED_OUT = 2;

  private Batch() {}

  /** Decides about an item that failed alone: it is tried again later, or set aside. */
  @FunctionalInterface
  public interface Failed<T> {
    /** What it throws is logged; only a database that is away is passed on. */
    void alone(T item, RuntimeException failure);
  }

  /**
   * Applies items together.
   *
   * @param together does all of the given items, or throws and has done none that may not be done
   *     twice
   */
  public static <T> void apply(
      Collection<T> items, Consumer<List<T>> together, Failed<? super T> failed) {
    if (items.isEmpty()) {
      return;
    }
    List<T> all = List.copyOf(items);
    try {
      together.accept(all);
    } catch (RuntimeException e) {
      if (SqlStates.isTimeout(e) && all.size() > 1) {
        each(all, item -> together.accept(List.of(item)), failed);
      } else if (SqlStates.isDatabaseAway(e)) {
        throw e;
      } else if (all.size() == 1) {
        alone(all.get(0), e, failed);
      } else {
        LOG.debugf("%d items fail together and are divided: %s", all.size(), e.getMessage());
        int half = all.size() / 2;
        apply(all.subList(0, half), together, failed);
        apply(all.subList(half, all.size()), together, failed);
      }
    }
  }

  /** Applies items one by one. */
  public static <T> void each(
      Collection<T> items, Consumer<? super T> each, Failed<? super T> failed) {
    int timedOut = 0;
    for (T item : items) {
      try {
        each.accept(item);
        timedOut = 0;
      } catch (RuntimeException e) {
        timedOut = SqlStates.isTimeout(e) ? timedOut + 1 : 0;
        boolean itemsOwn = timedOut > 0 && timedOut < TIMED_OUT && items.size() > 1;
        if (SqlStates.isDatabaseAway(e) && !itemsOwn) {
          throw e;
        }
        alone(item, e, failed);
      } catch (StackOverflowError e) {
        alone(item, new IllegalStateException("nested too deeply", e), failed);
      }
    }
  }

  /**
   * Claims items; where that fails for one of them, the others all the same.
   *
   * @param all claims what is due, in one statement
   * @param due says what is due and not set aside, without touching it
   * @param only claims some of those
   */
  public static <K, T> List<T> claim(
      Supplier<List<T>> all,
      Supplier<List<K>> due,
      Function<List<K>, List<T>> only,
      Failed<? super K> failed) {
    try {
      return all.get();
    } catch (RuntimeException e) {
      if (SqlStates.isDatabaseAway(e)) {
        throw e;
      }
      LOG.warnf("a claim fails as a whole and is divided: %s", SetAside.reason(e));
      List<T> claimed = new ArrayList<>();
      apply(due.get(), some -> claimed.addAll(only.apply(some)), failed);
      return claimed;
    }
  }

  private static <T> void alone(T item, RuntimeException failure, Failed<? super T> failed) {
    try {
      failed.alone(item, failure);
    } catch (RuntimeException e) {
      if (SqlStates.isDatabaseAway(e)) {
        throw e;
      }
      LOG.errorf(
          "%s failed, and so does what was to become of it: %s; %s",
          item.getClass().getSimpleName(), SetAside.reason(failure), SetAside.reason(e));
    }
  }
}
