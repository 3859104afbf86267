package io.klingtracker.http;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.util.ArrayDeque;
import java.util.Deque;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Callers take turns for threads and connections of the database, and there are fewer turns than of
 * either: health, metrics, callbacks and our own loops find some free, however slow callers'
 * requests are. Whoever waits for a turn holds no thread.
 */
@ApplicationScoped
class Turns {

  /** Threads that no caller gets. */
  private static final int RESERVED = 8;

  private final Lane reads;
  private final Lane changes;

  @Inject
  Turns(
      @ConfigProperty(name = "quarkus.thread-pool.max-threads", defaultValue = "64") int threads,
      @ConfigProperty(name = "quarkus.datasource.jdbc.max-size", defaultValue = "16")
          int connections) {
    // A read holds a connection all the time; changes wait for one another in groups.
    int forReads = Math.max(1, Math.min(connections * 3 / 4, threads / 2));
    this.reads = new Lane(forReads);
    this.changes = new Lane(Math.max(1, threads - forReads - RESERVED));
  }

  void register(@Observes Filters filters) {
    filters.register(this::take, FilterOrder.TURN);
  }

  void take(RoutingContext call) {
    Place place = Place.of(call);
    if (place == null) {
      call.next();
      return;
    }
    Lane lane = place.isRead() ? reads : changes;
    Turn turn = new Turn(lane, call, Vertx.currentContext());
    place.turn(turn::end);
    if (lane.begin(turn)) {
      call.next();
    }
  }

  /** One request's turn. */
  private static final class Turn {
    private final Lane lane;
    private final RoutingContext call;
    private final Context context;

    /** Guarded by the lane. */
    private boolean begun;

    /** Guarded by the lane. */
    private boolean ended;

    Turn(Lane lane, RoutingContext call, Context context) {
      this.lane = lane;
      this.call = call;
      this.context = context;
    }

    void begin() {
      context.runOnContext(now -> call.next());
    }

    void end() {
      lane.end(this);
    }
  }

  /** So many at a time, the others in the order in which they came. */
  private static final class Lane {
    private final int most;
    private final Deque<Turn> waiting = new ArrayDeque<>();
    private int running;

    Lane(int most) {
      this.most = most;
    }

    /** Whether it may begin at once. */
    synchronized boolean begin(Turn turn) {
      if (turn.ended) {
        return false;
      }
      if (running >= most) {
        waiting.add(turn);
        return false;
      }
      running++;
      turn.begun = true;
      return true;
    }

    void end(Turn turn) {
      Turn next = null;
      synchronized (this) {
        if (turn.ended) {
          return;
        }
        turn.ended = true;
        if (!turn.begun) {
          waiting.remove(turn);
          return;
        }
        next = waiting.poll();
        if (next == null) {
          running--;
        } else {
          next.begun = true;
        }
      }
      if (next != null) {
        next.begin();
      }
    }
  }
}
