package io.klingtracker.loops;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Deletes what is old, on every replica: one loop for the sweeps of all features, each at its own
 * time. A sweep that fails keeps none of the others back; it is tried again a second later, and the
 * loop counts as failing until it succeeds.
 *
 * <p>Two sweep by themselves: the dispatcher, which has to before it claims for the first time, and
 * retention, which runs on one replica at a rate and pauses under load.
 */
@Singleton
public class Sweeps {

  /** How often it looks whether one is due. */
  static final Duration POLL = Duration.ofSeconds(1);

  private final List<Sweep> sweeps = new CopyOnWriteArrayList<>();
  private final LongSupplier nanos;

  /** One of them; {@code due} is null until it has run. */
  private static final class Sweep {

    private final String name;
    private final long every;
    private final WorkLoop.Run pass;
    private @Nullable Long due;

    private Sweep(String name, Duration every, WorkLoop.Run pass) {
      this.name = name;
      this.every = every.toNanos();
      this.pass = pass;
    }
  }

  @Inject
  public Sweeps(Loops loops) {
    this(loops, System::nanoTime);
  }

  Sweeps(Loops loops, LongSupplier nanos) {
    this.nanos = nanos;
    loops.add(WorkLoop.named("sweeps").every(POLL).work(this::runOnce));
  }

  /**
   * Takes a sweep, which runs at the start for the first time.
   *
   * @param name what it deletes, for messages
   * @param every from a pass that left nothing to the next
   * @param pass a bounded pass, true when there may be more: the next follows at once
   */
  public void add(String name, Duration every, WorkLoop.Run pass) {
    sweeps.add(new Sweep(name, every, pass));
  }

  /**
   * One pass of each that is due.
   *
   * @return whether one of them may have more
   * @throws IllegalStateException naming those that failed
   */
  boolean runOnce() throws InterruptedException {
    boolean more = false;
    IllegalStateException failures = null;
    for (Sweep sweep : sweeps) {
      if (sweep.due != null && sweep.due - nanos.getAsLong() > 0) {
        continue;
      }
      try {
        boolean left = sweep.pass.once();
        more |= left;
        sweep.due = left ? null : (Long) (nanos.getAsLong() + sweep.every);
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        String reason = "sweep of " + sweep.name + ": " + SetAside.reason(e);
        if (failures == null) {
          failures = new IllegalStateException(reason, e);
        } else {
          failures = new IllegalStateException(failures.getMessage() + "; " + reason, failures);
        }
      }
    }
    if (failures != null) {
      throw failures;
    }
    return more;
  }
}
