package io.klingtracker.http;

import io.klingtracker.share.Permit;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A request's place among those under way, its tenant's permit for it, and its turn for a thread:
 * given back when it ends, or when it begins to wait for something and holds no thread.
 */
final class Place {

  private static final String KEY = Place.class.getName();

  private final Runnable leave;
  private final boolean read;
  private final AtomicBoolean left = new AtomicBoolean();
  private volatile @Nullable Permit permit;
  private volatile @Nullable Runnable endTurn;
  private volatile boolean waits;

  private Place(boolean read, Runnable leave) {
    this.read = read;
    this.leave = leave;
  }

  /** Gives a request its place, until its end. */
  static void give(RoutingContext call, boolean read, Runnable leave) {
    Place place = new Place(read, leave);
    call.put(KEY, place);
    call.addEndHandler(end -> place.leave());
    // Its thread is free when the answer is made, however slowly that is then read.
    call.addHeadersEndHandler(made -> place.endTurn());
  }

  static @Nullable Place of(RoutingContext call) {
    return call.get(KEY);
  }

  /** Whether it asks and changes nothing. */
  boolean isRead() {
    return read;
  }

  /** Whether it has begun to wait, or to stream. */
  boolean waits() {
    return waits;
  }

  /** Gives the permit back with the place. */
  void holds(Permit permit) {
    this.permit = permit;
    if (left.get()) {
      permit.close();
    }
  }

  void turn(Runnable end) {
    endTurn = end;
    if (left.get()) {
      end.run();
    }
  }

  void beginToWait() {
    waits = true;
    leave();
  }

  private void endTurn() {
    Runnable end = endTurn;
    if (end != null) {
      end.run();
    }
  }

  private void leave() {
    if (left.compareAndSet(false, true)) {
      leave.run();
    }
    Permit held = permit;
    if (held != null) {
      held.close();
    }
    endTurn();
  }
}
