package io.klingtracker.tenant;

import io.klingtracker.database.Rows;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;

/** Sessions of the console in the database, by the hash of their id. */
@Singleton
class ConsoleSessionStore {

  /** Those that have ended go at the next sign-in, a few at a time. */
  private static final String OPEN =
      """
      with ended as (
        delete from console_session where id_hash in (
          select id_hash from console_session where ends_at < :now order by ends_at limit 100)
      ), beyond as (
        delete from console_session where id_hash in (
          select id_hash from console_session where key_hash = :key order by created_at desc offset :before)
      )
      insert into console_session (id_hash, key_hash, admin, created_at, seen_at, ends_at)
      values (:id, :key, :admin, :now, :now, :endsAt)
      """;

  /** Seen, if that is not so anyway. */
  private static final String FIND =
      """
      with found as (
        select id_hash, key_hash, admin, seen_at from console_session
        where id_hash = :id and ends_at > :now and seen_at > :idleSince
      ), seen as (
        update console_session s set seen_at = :now from found f
        where s.id_hash = f.id_hash and s.seen_at < cast(:now as timestamptz) - interval '1 minute'
      )
      select key_hash, admin, seen_at from found
      """;

  private static final String CLOSE = "delete from console_session where id_hash = :id";

  private final Jdbi jdbi;

  /**
   * A session.
   *
   * @param keyHash of the key that was exchanged for it
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Row(byte[] keyHash, boolean admin, Instant seenAt) {}

  @Inject
  ConsoleSessionStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * Keeps a new session.
   *
   * @param perKey how many its key has then, at the most
   */
  void open(Row session, byte[] id, Instant endsAt, int perKey) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(OPEN)
                .bind("id", id)
                .bind("key", session.keyHash())
                .bind("admin", session.admin())
                .bind("now", session.seenAt())
                .bind("endsAt", endsAt)
                .bind("before", perKey - 1)
                .execute());
  }

  /** One that has not ended, and was seen since a time. */
  Optional<Row> find(byte[] id, Instant now, Instant idleSince) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(FIND)
                .bind("id", id)
                .bind("now", now)
                .bind("idleSince", idleSince)
                .map(
                    (row, context) ->
                        new Row(
                            row.getBytes("key_hash"),
                            row.getBoolean("admin"),
                            Rows.instant(row, "seen_at")))
                .findOne());
  }

  void close(byte[] id) {
    jdbi.useHandle(handle -> handle.createUpdate(CLOSE).bind("id", id).execute());
  }
}
