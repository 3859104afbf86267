package io.klingtracker.presence;

import io.klingtracker.presence.RollCall.Seen;
import java.util.List;
import org.jdbi.v3.core.Handle;

/** The table of replicas, their sessions, and the claims of those that are gone. */
final class PresenceStore {

  private static final String BEAT =
      """
      insert into replica (id, number, seen_at) values (:id, :number, clock_timestamp())
      on conflict (id) do update set seen_at = excluded.seen_at
      returning xmax = 0
      """;

  /** Advisory locks of this database that long sessions of replicas hold. */
  private static final String SESSIONS =
      """
      select pid, objid from pg_locks
      where locktype = 'advisory' and classid = cast(:locks as oid) and objsubid = 2 and granted
        and database = (select oid from pg_database where datname = current_database())\
      """;

  private static final String OTHERS =
      """
      select r.id, r.number, r.seen_at::text as seen_at, l.objid is not null as has_session
      from replica r left join (select distinct objid from (%s) s) l on l.objid = cast(r.number as oid)
      where r.id <> :id
      """
          .formatted(SESSIONS);

  private static final String END_SESSIONS =
      """
      select pg_terminate_backend(pid) from (%s) s where objid = cast(:number as oid) and pid <> pg_backend_pid()
      """
          .formatted(SESSIONS);

  /** One that has come back meanwhile stays. */
  private static final String STRIKE =
      "delete from replica where id = :id and seen_at::text = :seenAt";

  private static final String LEAVE = "delete from replica where id = :id";

  private static final String FREE =
      "update {table} c set claimed_until = null, claimed_by = null where " + ReplicaId.GONE;

  private PresenceStore() {}

  /**
   * Says that we live.
   *
   * @return whether nobody knew us: we are new, were struck off, or the table has been emptied
   */
  static boolean beat(Handle session, ReplicaId me) {
    return session
        .createQuery(BEAT)
        .bind("id", me.id())
        .bind("number", me.number())
        .mapTo(Boolean.class)
        .one();
  }

  static List<Seen> others(Handle session, ReplicaId me) {
    return session
        .createQuery(OTHERS)
        .bind("locks", ReplicaId.LOCKS)
        .bind("id", me.id())
        .map(
            (row, context) ->
                new Seen(
                    row.getString("id"),
                    row.getInt("number"),
                    row.getString("seen_at"),
                    row.getBoolean("has_session")))
        .list();
  }

  /** Ends the long sessions of a replica, and with them its locks; how many there were. */
  static int endSessions(Handle session, Seen replica) {
    return session
        .createQuery(END_SESSIONS)
        .bind("locks", ReplicaId.LOCKS)
        .bind("number", replica.number())
        .mapTo(Boolean.class)
        .list()
        .size();
  }

  /** Takes a replica off the list; false when it has come back. */
  static boolean strike(Handle session, Seen dead) {
    return session
            .createUpdate(STRIKE)
            .bind("id", dead.id())
            .bind("seenAt", dead.seenAt())
            .execute()
        == 1;
  }

  static void leave(Handle session, ReplicaId me) {
    session.createUpdate(LEAVE).bind("id", me.id()).execute();
  }

  /** Frees what replicas that are gone had claimed; returns how many. */
  static int free(Handle handle, String table) {
    return handle.createUpdate(FREE.replace("{table}", table)).execute();
  }
}
