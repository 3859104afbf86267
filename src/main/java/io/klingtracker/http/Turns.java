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
import java.util.LinkedHashMap;
import java.util.Map;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jspecify.annotations.Nullable;

/**
 * Callers take turns for threads and connections of the database, and there are fewer turns than of
 * either: health, metrics, callbacks and our own loops find some free, however slow callers'
 * requests are. Whoever waits for a turn holds no thread. Of those who wait, the next is of the
 * tenant that has the fewest running, and one turn is out of a lone tenant's reach: whoever comes
 * beside a tenant with hundreds of slow requests need not wait for all of them.
 */
@ApplicationScoped
class Turns {

  /** Threads that no caller gets. */
  private static final int RESERVED = 8;

  private final TurnPool reads;
  private final TurnPool changes;

  @Inject
  Turns(
      @ConfigProperty(name = "quarkus.thread-pool.max-threads", defaultValue = "64") int threads,
      @ConfigProperty(name = "quarkus.datasource.jdbc.max-size", defaultValue = "16")
          int connections) {
    // A read holds a connection all the time; changes wait for one another in groups.
    int forReads = Math.max(1, Math.min(connections * 3 / 4, threads / 2));
    this.reads = new TurnPool(forReads);
    this.changes = new TurnPool(Math.max(1, threads - forReads - RESERVED));
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
    TurnPool pool = place.isRead() ? reads : changes;
    Turn turn = new Turn(pool, RequestTenant.of(call), call, Vertx.currentContext());
    place.turn(turn::end);
    if (pool.begin(turn)) {
      call.next();
    }
  }

  /** One request's turn. */
  private static final class Turn {
    private final TurnPool pool;
    private final String tenant;
    private final RoutingContext call;
    private final Context context;

    /** Guarded by the pool. */
    private boolean begun;

    /** Guarded by the pool. */
    private boolean ended;

    Turn(TurnPool pool, String tenant, RoutingContext call, Context context) {
      this.pool = pool;
      this.tenant = tenant;
      this.call = call;
      this.context = context;
    }

    void begin() {
      context.runOnContext(now -> call.next());
    }

    void end() {
      pool.end(this);
    }
  }

  /** A tenant's turns. */
  private static final class Queue {
    private final Deque<Turn> waiting = new ArrayDeque<>(4);
    private int running;
  }

  /** So many at a time; a tenant's in the order in which they came. */
  private static final class TurnPool {
    private final int most;
    private final Map<String, Queue> tenants = new LinkedHashMap<>();
    private int running;

    TurnPool(int most) {
      this.most = most;
    }

    /** Whether it may begin at once. */
    synchronized boolean begin(Turn turn) {
      if (turn.ended) {
        return false;
      }
      Queue queue = tenants.computeIfAbsent(turn.tenant, tenant -> new Queue());
      if (!mayRun(queue)) {
        queue.waiting.add(turn);
        return false;
      }
      run(queue, turn);
      return true;
    }

    void end(Turn turn) {
      Turn next = null;
      synchronized (this) {
        if (turn.ended) {
          return;
        }
        turn.ended = true;
        Queue queue = tenants.get(turn.tenant);
        if (queue == null) {
          return;
        }
        if (turn.begun) {
          running--;
          queue.running--;
          next = next();
        } else {
          queue.waiting.remove(turn);
        }
        if (queue.running == 0 && queue.waiting.isEmpty()) {
          tenants.remove(turn.tenant);
        }
      }
      if (next != null) {
        next.begin();
      }
    }

    /** The first of the tenant with the fewest running. */
    private @Nullable Turn next() {
      Queue fewest = null;
      for (Queue queue : tenants.values()) {
        if (!queue.waiting.isEmpty() && (fewest == null || queue.running < fewest.running)) {
          fewest = queue;
        }
      }
      if (fewest == null || !mayRun(fewest)) {
        return null;
      }
      Turn next = fewest.waiting.remove();
      run(fewest, next);
      return next;
    }

    private void run(Queue queue, Turn turn) {
      running++;
      queue.running++;
      turn.begun = true;
      // To the end: of tenants with as many, the next is another.
      tenants.remove(turn.tenant);
      tenants.put(turn.tenant, queue);
    }

    /** The last free turn is for a tenant that has none. */
    private boolean mayRun(Queue queue) {
      return running < most && (running < most - 1 || most == 1 || queue.running == 0);
    }
  }
}
