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
import org.jspecify.annotations.Nullable;

/**
 * The bytes that bodies under way may take, as parts of the heap. A body is charged as it arrives:
 * a small one as it is, a large one several times, for all that is made of it (its text, its tree,
 * the body for Kling, the statement's parameter). Callbacks have a part of their own, so that they
 * never wait behind callers, and small bodies have one, so that they do not wait behind large ones.
 * Tenants share each part: half-sent bodies of one leave room for another's.
 */
@ApplicationScoped
class BodyBudget {

  /** Up to so many bytes a body is small. */
  static final int SMALL = 64 << 10;

  /** What a large body takes at its worst moment, in times of its length. */
  static final int COPIES = 4;

  /** Callbacks are nobody's: theirs is one part for all. */
  private static final String CALLBACKS = "";

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final Share callbacks;
  private final Share small;
  private final Share large;
  private final AtomicInteger underWay = new AtomicInteger();

  /** Divides memory: half for large bodies, a quarter each for small ones and callbacks. */
  @Inject
  BodyBudget(HttpConfig config, BodyBounds bounds, MeterRegistry meters, Shares shares) {
    long bytes = config.bodyMemory().orElse(Runtime.getRuntime().maxMemory() / 2);
    // The largest body must find room when it is alone.
    long forLarge = Math.max(bytes / 2, (long) bounds.most() * COPIES);
    this.callbacks =
        shares.of(
            new Bound(
                "callback-bytes",
                "bytes of callbacks",
                bytes / 4,
                0,
                false,
                ErrorCode.RATE_LIMITED,
                RETRY));
    this.small =
        shares.of(
            Bound.brief(
                "body-bytes", "bytes of small requests", bytes / 4, ErrorCode.RATE_LIMITED, RETRY));
    this.large =
        shares.of(
            Bound.brief(
                "large-body-bytes",
                "bytes of large requests",
                forLarge,
                ErrorCode.RATE_LIMITED,
                RETRY));
    gauge(meters, "callbacks", callbacks);
    gauge(meters, "small", small);
    gauge(meters, "large", large);
    Gauge.builder("tracker.http.bodies", underWay, AtomicInteger::get)
        .description("Request bodies that are arriving or being worked on")
        .register(meters);
  }

  private static void gauge(MeterRegistry meters, String of, Share part) {
    Gauge.builder("tracker.http.body.bytes", part, Share::held)
        .description("Memory that bodies under way are charged with, large ones several times")
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
    private long length;
    private long announced;

    /** Bytes that the permit is for. */
    private long counted;

    private boolean over;

    private Charge(Share first, String tenant) {
      this.first = first;
      this.tenant = tenant;
      underWay.incrementAndGet();
    }

    /** Why a body of some length would find no room now, if so. */
    Optional<Refusal> refusal(long announced) {
      this.announced = announced;
      return of(announced).refusal(tenant, weight(announced));
    }

    /** Takes so many bytes more; why not, if there are none left. */
    synchronized Optional<Refusal> take(int bytes) {
      if (over) {
        return Optional.empty();
      }
      long after = length + bytes;
      if (after > counted) {
        Share part = of(after);
        // All of a large one at once: of two that are half there, none would ever be whole.
        long whole = part == large ? Math.max(after, announced) : after;
        Permit held = permit;
        boolean same = held != null && of(counted) == part;
        Entry entry =
            held != null && same
                ? held.grow(weight(whole) - weight(counted))
                : part.enter(tenant, weight(whole));
        if (entry instanceof Refusal refusal) {
          return Optional.of(refusal);
        }
        if (held != null && !same) {
          held.close();
        }
        permit = entry.orThrow();
        counted = whole;
      }
      length = after;
      return Optional.empty();
    }

    synchronized void release() {
      if (!over) {
        over = true;
        underWay.decrementAndGet();
        if (permit != null) {
          permit.close();
        }
      }
    }

    private Share of(long bytes) {
      return first == small && bytes > SMALL ? large : first;
    }

    private long weight(long bytes) {
      return bytes > SMALL ? bytes * COPIES : bytes;
    }
  }
}
