package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Entry;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Refusal;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that bodies under way may take, as parts of the heap. A body is charged for what has
 * arrived, never for what was announced; a large one, once it is whole, also for all that is made
 * of it (its text, its tree, the body for Kling, the statement's parameter). Callbacks have a part
 * of their own, so that they never wait behind callers, and small bodies have one, so that they do
 * not wait behind large ones. Tenants share each part: half-sent bodies of one leave room for
 * another's.
 *
 * <p>A body that finds no room is refused and leaves what it held in one step, so of large ones
 * that arrive together one continues. What is whole ends by itself: nobody can hold the part for
 * copies by sending slowly.
 */
@ApplicationScoped
class BodyBudget {

  /** Up to so many bytes a body is small. */
  static final int SMALL = 64 << 10;

  private static final int COPIES = LargeBodyWork.COPIES;

  /** Callbacks are nobody's: theirs is one part for all. */
  private static final String CALLBACKS = "";

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final Share callbacks;
  private final Share small;
  private final Share large;
  private final LargeBodyWork copies;
  private final AtomicInteger underWay = new AtomicInteger();

  /**
   * Divides the memory: three sixteenths for large bodies that arrive, five for work on them, an
   * eighth each for small ones and callbacks. What is left is for answers, claims and the rest: all
   * parts that are bounded by the heap must fit into it when all of them are full.
   */
  @Inject
  BodyBudget(
      HttpConfig config,
      BodyBounds bounds,
      MeterRegistry meters,
      Shares shares,
      LargeBodyWork copies) {
    long bytes = LargeBodyWork.memory(config);
    // Two of the largest may arrive, one of which is worked on: so no body is above its share.
    long arriving = Math.max(bytes / 16 * 3, 2L * bounds.max());
    this.callbacks = shares.of(bound("callback-bytes", "bytes of callbacks", bytes / 8, 0));
    this.small =
        shares.of(
            Bound.brief(
                "body-bytes", "bytes of small requests", bytes / 8, ErrorCode.RATE_LIMITED, RETRY));
    // Half is another's at once: slow bodies that have filled more would keep it for long.
    this.large =
        shares.of(bound("large-body-bytes", "bytes of large requests", arriving, arriving / 2));
    this.copies = copies;
    gauge(meters, "callbacks", callbacks::held);
    gauge(meters, "small", small::held);
    gauge(meters, "large", large::held);
    gauge(meters, "copies", copies::held);
    Gauge.builder("tracker.http.bodies", underWay, AtomicInteger::get)
        .description("Request bodies that are arriving or being worked on")
        .register(meters);
  }

  private static Bound bound(String name, String what, long max, long reserve) {
    return new Bound(name, what, max, reserve, false, ErrorCode.RATE_LIMITED, RETRY);
  }

  private static void gauge(MeterRegistry meters, String of, Supplier<Number> part) {
    Gauge.builder("tracker.http.body.bytes", part)
        .description(
            "Memory that bodies under way are charged with; copies are of large ones that are whole, or on their way to Kling")
        .baseUnit("bytes")
        .tag("part", of)
        .register(meters);
  }

  /** A body of a tenant's request. */
  Charge charge(String tenant) {
    return new Charge(small, tenant);
  }

  /** A callback's body. */
  Charge chargeCallback() {
    return new Charge(callbacks, CALLBACKS);
  }

  /** What one body takes; given back once, by whoever is through with it first. */
  final class Charge {
    private final Share first;
    private final String tenant;
    private @Nullable Permit permit;
    private @Nullable Permit forCopies;
    private long length;
    private boolean over;

    private Charge(Share first, String tenant) {
      this.first = first;
      this.tenant = tenant;
      underWay.incrementAndGet();
    }

    /** Takes so many bytes more; why not, if there are none left: then nothing is held any more. */
    synchronized Optional<Refusal> take(int bytes) {
      if (over) {
        return Optional.empty();
      }
      long after = length + bytes;
      Entry entry = of(after) == large ? takeLarge(bytes, after) : takeFirst(after);
      if (entry instanceof Refusal refusal) {
        return Optional.of(refusal);
      }
      permit = entry.orThrow();
      length = after;
      return Optional.empty();
    }

    /** Takes what work on a large body needs, now that it is whole; why not, if there is none. */
    synchronized Optional<Refusal> whole() {
      if (over || of(length) != large) {
        return Optional.empty();
      }
      Entry entry = copies.enter(tenant, length * (COPIES - 1));
      if (entry instanceof Refusal refusal) {
        release();
        return Optional.of(refusal);
      }
      forCopies = entry.orThrow();
      return Optional.empty();
    }

    synchronized void release() {
      if (!over) {
        over = true;
        underWay.decrementAndGet();
        if (permit != null) {
          permit.close();
        }
        if (forCopies != null) {
          forCopies.close();
        }
      }
    }

    private Entry takeFirst(long after) {
      Entry entry =
          permit == null
              ? first.enter(tenant, weight(after))
              : permit.grow(weight(after) - weight(length));
      if (entry instanceof Refusal) {
        release();
      }
      return entry;
    }

    private Entry takeLarge(int bytes, long after) {
      Permit held = permit;
      // Two that find no room at the same time must not both go.
      synchronized (BodyBudget.this) {
        boolean grows = of(length) == large;
        Entry entry = held != null && grows ? held.grow(bytes) : large.enter(tenant, after);
        if (entry instanceof Refusal) {
          release();
        } else if (held != null && !grows) {
          held.close();
        }
        return entry;
      }
    }

    private Share of(long bytes) {
      return first == small && bytes > SMALL ? large : first;
    }

    /** Callbacks are charged for their copies as they arrive. */
    private static long weight(long bytes) {
      return bytes > SMALL ? bytes * COPIES : bytes;
    }
  }
}
