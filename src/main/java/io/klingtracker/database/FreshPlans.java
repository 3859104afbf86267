package io.klingtracker.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import org.jdbi.v3.core.Handle;
import org.postgresql.PGConnection;

/**
 * Has PostgreSQL drop a session's plans once they are some seconds old. A plan is kept as long as
 * no vacuum comes by; one that was made while the queues were empty reads them whole when they are
 * full. Planning anew for every group would cost a small one as much as its work, and PostgreSQL
 * does so for a while whenever the kept plan looks dearer than those it made when the tables were
 * small; hence it is instructed not to, where that can be for one transaction.
 */
public final class FreshPlans {

  private static final long OLD = Duration.ofSeconds(2).toNanos();

  private final Map<PGConnection, Long> made = Collections.synchronizedMap(new WeakHashMap<>());

  /**
   * To be called before statements whose plans must fit; inside a transaction, whose statements
   * then are planned for any values, or not.
   */
  public void on(Handle handle) {
    drop(handle);
    if (handle.isInTransaction()) {
      handle.execute("set local plan_cache_mode = force_generic_plan");
    }
  }

  private void drop(Handle handle) {
    PGConnection session = session(handle.getConnection());
    long now = System.nanoTime();
    Long last = made.get(session);
    if (last == null) {
      made.put(session, now);
    } else if (now - last > OLD) {
      made.put(session, now);
      handle.execute("discard plans");
    }
  }

  private static PGConnection session(Connection connection) {
    try {
      return connection.unwrap(PGConnection.class);
    } catch (SQLException e) {
      throw new IllegalStateException("not a connection to PostgreSQL", e);
    }
  }
}
