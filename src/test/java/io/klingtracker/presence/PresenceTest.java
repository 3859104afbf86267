package io.klingtracker.presence;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.database.LongSessions;
import io.klingtracker.loops.Loops;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Replicas over one database: who sees whom, and what becomes of claims. */
class PresenceTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();

  /** As every queue has them. */
  @BeforeEach
  void a_table_with_claims() {
    jdbi.useHandle(
        handle -> {
          handle.execute(
              "create table if not exists work (claimed_by text, claimed_until timestamptz)");
          handle.execute("delete from work");
        });
  }

  private record Replica(
      ReplicaId id,
      Presence presence,
      SimpleMeterRegistry meters,
      AtomicInteger woken,
      Loops loops) {
    double takenOver() {
      return meters.get("tracker.claims.taken.over").counter().count();
    }
  }

  private Replica replica() {
    ReplicaId id = new ReplicaId();
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    Loops loops = new Loops();
    Presence presence = new Presence(jdbi, jdbi, id, meters, loops);
    AtomicInteger woken = new AtomicInteger();
    presence.frees("work", "work", woken::incrementAndGet);
    return new Replica(id, presence, meters, woken, loops);
  }

  private void claimed(String by) {
    jdbi.useHandle(
        handle ->
            handle.execute(
                """
                insert into work (claimed_by, claimed_until) values (?, now() + interval '1 day')
                """,
                by));
  }

  private List<String> claimers() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select coalesce(claimed_by, 'nobody') from work")
                .mapTo(String.class)
                .list());
  }

  @Test
  void replicas_see_one_another_and_one_that_ends_leaves_nothing_claimed() {
    Replica one = replica();
    Replica two = replica();
    one.presence().runOnce();
    two.presence().runOnce();
    one.presence().runOnce();
    assertEquals(2, one.presence().alive());
    assertEquals(2, two.presence().alive());
    claimed(two.id().claim(7));

    two.loops().close();

    assertEquals(List.of("nobody"), claimers());
    one.presence().runOnce();
    assertEquals(1, one.presence().alive());
    one.loops().close();
  }

  @Test
  void claims_of_who_is_not_there_are_free_and_others_are_not() {
    Replica one = replica();
    one.presence().runOnce();
    claimed(new ReplicaId().claim(1));

    assertEquals(1, DeadClaims.free(jdbi, "work"));
    jdbi.useHandle(handle -> handle.execute("update work set claimed_by = ?", one.id().claim(1)));
    assertEquals(0, DeadClaims.free(jdbi, "work"));
    jdbi.useHandle(handle -> handle.execute("update work set claimed_by = 'b7f1e0'"));
    assertEquals(0, DeadClaims.free(jdbi, "work"), "of a version without presence");
    one.loops().close();
  }

  @Test
  void the_sessions_of_a_frozen_replica_can_be_ended_by_another() {
    ReplicaId frozen = new ReplicaId();
    Handle session = LongSessions.open(jdbi);
    try (Handle judge = jdbi.open()) {
      frozen.mark(session);
      PresenceStore.beat(session, frozen);
      RollCall.Seen seen = PresenceStore.others(judge, new ReplicaId()).get(0);
      assertTrue(seen.hasSession());

      assertEquals(1, PresenceStore.endSessions(judge, seen));
      assertTrue(PresenceStore.strike(judge, seen));

      assertEquals(List.of(), PresenceStore.others(judge, new ReplicaId()));
    } finally {
      LongSessions.discard(session);
    }
  }

  @Test
  void one_that_has_come_back_meanwhile_is_not_struck_off() {
    ReplicaId slow = new ReplicaId();
    try (Handle handle = jdbi.open()) {
      assertTrue(PresenceStore.beat(handle, slow), "new");
      RollCall.Seen seen = PresenceStore.others(handle, new ReplicaId()).get(0);
      assertEquals(false, PresenceStore.beat(handle, slow), "known");

      assertEquals(false, PresenceStore.strike(handle, seen));

      assertEquals(1, PresenceStore.others(handle, new ReplicaId()).size());
    }
  }

  @Test
  void sessions_that_were_ended_give_their_places_back() {
    for (int i = 0; i < 40; i++) {
      Handle session = LongSessions.open(jdbi);
      jdbi.useHandle(
          other ->
              other
                  .createQuery("select pg_terminate_backend(:pid, 10000)")
                  .bind(
                      "pid",
                      session.createQuery("select pg_backend_pid()").mapTo(Integer.class).one())
                  .mapTo(Boolean.class)
                  .one());
      LongSessions.discard(session);
    }
    for (int i = 0; i < 40; i++) {
      LongSessions.discard(LongSessions.open(jdbi));
    }
    for (int i = 0; i < 40; i++) {
      jdbi.useHandle(handle -> handle.execute("select 1"));
    }
  }

  @Test
  void one_that_cannot_free_all_that_it_has_stays_on_the_list_for_the_others() {
    Replica one = replica();
    one.presence()
        .frees(
            "broken",
            handle -> {
              throw new IllegalStateException("broken");
            },
            () -> {});
    one.presence().runOnce();
    claimed(one.id().claim(1));

    one.loops().close();

    assertEquals(List.of(one.id().claim(1)), claimers());
    assertEquals(
        List.of(one.id().id()),
        jdbi.withHandle(h -> h.createQuery("select id from replica").mapTo(String.class).list()));
  }

  @Test
  void one_whose_session_is_lost_when_it_ends_leaves_nothing_claimed_either() {
    Replica one = replica();
    try (Handle handle = jdbi.open()) {
      PresenceStore.beat(handle, one.id());
    }
    claimed(one.id().claim(1));

    one.loops().close();

    assertEquals(List.of("nobody"), claimers());
  }
}
