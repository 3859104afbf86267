package io.klingtracker.events;

import org.jdbi.v3.core.Handle;

/**
 * Who relays: the one session that holds all of these advisory locks, which die with it. There is
 * one for each lane of the outbox because versions before shared these, a lock each: none of them
 * reads a lane while one of ours relays, nor the other way round.
 */
final class RelayLock {

  private static final int COUNT = OutboxStore.LANES;

  /** First half of the locks' keys; the second is 1 to {@link #COUNT}. */
  private static final int LOCKS = 0x4B4C5401;

  /** One after the other, until one is another's: whoever gets the first one of us has no rival. */
  private static final String TAKE =
      """
      with recursive taken(key, mine) as (
        select 1, pg_try_advisory_lock(:locks, 1)
        union all
        select key + 1, pg_try_advisory_lock(:locks, key + 1) from taken where mine and key < :count
      )
      select count(*) from taken where mine
      """;

  private static final String GIVE =
      "select pg_advisory_unlock(:locks, key) from generate_series(1, :taken) as key";

  /** Notes who relays now, for all lanes; whether the last one of any of them left it behind. */
  private static final String NOTE =
      """
      with noted as (
        insert into event_lane (lane, owner) select lane, :me from generate_series(0, :count - 1) as lane
        on conflict (lane) do update set owner = excluded.owner
      )
      select exists (select from event_lane where owner <> :me)
      """;

  private static final String UNNOTE = "update event_lane set owner = null where owner = :me";

  private static final String IS_HELD =
      """
      select count(distinct objid) = :count from pg_locks
      where locktype = 'advisory' and classid = cast(:locks as oid) and objid between 1 and cast(:count as oid)
        and objsubid = 2 and granted and database = (select oid from pg_database where datname = current_database())
      """;

  private final String me;
  private boolean held;
  private boolean leftBehind;

  /**
   * Not held yet.
   *
   * @param me names this replica
   */
  RelayLock(String me) {
    this.me = me;
  }

  /** Takes it if nobody else has it; whether it is held now. */
  boolean take(Handle session) {
    if (!held) {
      int taken =
          session
              .createQuery(TAKE)
              .bind("locks", LOCKS)
              .bind("count", COUNT)
              .mapTo(Integer.class)
              .one();
      if (taken == COUNT) {
        leftBehind =
            session
                .createQuery(NOTE)
                .bind("me", me)
                .bind("count", COUNT)
                .mapTo(Boolean.class)
                .one();
        held = true;
      } else if (taken > 0) {
        session
            .createQuery(GIVE)
            .bind("locks", LOCKS)
            .bind("taken", taken)
            .mapTo(Boolean.class)
            .list();
      }
    }
    return held;
  }

  boolean isHeld() {
    return held;
  }

  /**
   * Whether the last holder ended with something under way: what it had sent may reach Kafka after
   * what we send.
   */
  boolean isLeftBehind() {
    return leftBehind;
  }

  /** What the last holder had under way has been read. */
  void readOnce() {
    leftBehind = false;
  }

  /** Nothing is under way: the next holder need not fear that anything comes late. */
  void leave(Handle session) {
    if (held) {
      session.createUpdate(UNNOTE).bind("me", me).execute();
    }
  }

  /** The session is gone, and the locks with it. */
  void lose() {
    held = false;
    leftBehind = false;
  }

  /** Whether somebody has every one of the locks, in whatever number of sessions. */
  static boolean isHeldByAnyone(Handle handle) {
    return handle
        .createQuery(IS_HELD)
        .bind("count", COUNT)
        .bind("locks", LOCKS)
        .mapTo(Boolean.class)
        .one();
  }
}
