package io.klingtracker.presence;

import io.klingtracker.loops.Loops;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.jdbi.v3.core.Jdbi;

/** For tests of queues: presence without its loop, and what it does about the dead. */
public final class DeadClaims {

  private DeadClaims() {}

  /** Presence that does not run. */
  public static Presence silent(Jdbi jdbi) {
    return new Presence(jdbi, jdbi, new ReplicaId(), new SimpleMeterRegistry(), new Loops());
  }

  /** Frees all claims of a table whose claimers are not among the replicas; how many there were. */
  public static int free(Jdbi jdbi, String table) {
    return jdbi.withHandle(handle -> PresenceStore.free(handle, table));
  }
}
