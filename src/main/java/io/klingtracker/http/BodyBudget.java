package io.klingtracker.http;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The bytes that bodies under way may take, as parts of the heap. A body is charged as it arrives:
 * a small one as it is, a large one several times, for all that is made of it (its text, its tree,
 * the body for Kling, the statement's parameter). Callbacks have a part of their own, so that they
 * never wait behind callers, and small bodies have one, so that they do not wait behind large ones.
 */
@ApplicationScoped
class BodyBudget {

  /** Up to so many bytes a body is small. */
  static final int SMALL = 64 << 10;

  /** What a large body takes at its worst moment, in times of its length. */
  static final int COPIES = 4;

  private final Part callbacks;
  private final Part small;
  private final Part large;
  private final AtomicInteger underWay = new AtomicInteger();

  /** A part of the heap, and what is taken of it. */
  record Part(long most, AtomicLong taken) {

    Part(long most) {
      this(most, new AtomicLong());
    }

    boolean take(long bytes) {
      if (taken.addAndGet(bytes) <= most) {
        return true;
      }
      taken.addAndGet(-bytes);
      return false;
    }

    void giveBack(long bytes) {
      taken.addAndGet(-bytes);
    }
  }

  @Inject
  BodyBudget(HttpConfig config, BodyBounds bounds, MeterRegistry meters) {
    this(config.bodyMemory().orElse(Runtime.getRuntime().maxMemory() / 2), bounds.most());
    gauge(meters, "callbacks", callbacks);
    gauge(meters, "small", small);
    gauge(meters, "large", large);
    Gauge.builder("tracker.http.bodies", underWay, AtomicInteger::get)
        .description("Request bodies that are arriving or being worked on")
        .register(meters);
  }

  /**
   * Divides memory.
   *
   * @param bytes half for large bodies, a quarter each for small ones and callbacks
   * @param largest body that must find room when it is alone
   */
  BodyBudget(long bytes, int largest) {
    this.callbacks = new Part(bytes / 4);
    this.small = new Part(bytes / 4);
    this.large = new Part(Math.max(bytes / 2, (long) largest * COPIES));
  }

  private static void gauge(MeterRegistry meters, String of, Part part) {
    Gauge.builder("tracker.http.body.bytes", part, p -> p.taken.get())
        .description("Memory that bodies under way are charged with, large ones several times")
        .baseUnit("bytes")
        .tag("part", of)
        .register(meters);
  }

  Charge charge(boolean callback) {
    return new Charge(callback);
  }

  /** What one body takes; given back once, by whoever is through with it first. */
  final class Charge {
    private final boolean callback;
    private Part part;
    private long held;
    private long length;
    private boolean over;

    private Charge(boolean callback) {
      this.callback = callback;
      this.part = callback ? callbacks : small;
      underWay.incrementAndGet();
    }

    /** Whether a body of some length would find room now. */
    boolean hasRoomFor(long announced) {
      Part fit = callback ? callbacks : announced > SMALL ? large : small;
      return fit.taken.get() + weight(announced) <= fit.most;
    }

    /** Takes so many bytes more; false when there are none left. */
    synchronized boolean take(int bytes) {
      if (over) {
        return false;
      }
      length += bytes;
      if (part == small && length > SMALL) {
        if (!large.take(weight(length))) {
          return false;
        }
        small.giveBack(held);
        part = large;
        held = weight(length);
        return true;
      }
      long more = weight(length) - held;
      if (!part.take(more)) {
        return false;
      }
      held += more;
      return true;
    }

    synchronized void release() {
      if (!over) {
        over = true;
        part.giveBack(held);
        underWay.decrementAndGet();
      }
    }

    private long weight(long bytes) {
      return bytes > SMALL ? bytes * COPIES : bytes;
    }
  }
}
