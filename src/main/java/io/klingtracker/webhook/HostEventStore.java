package io.klingtracker.webhook;

import io.klingtracker.database.Rows;
import io.klingtracker.presence.ReplicaId;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** Pauses and their ends, as the statements that made them wrote them. */
@Singleton
class HostEventStore {

  private static final String CLAIM =
      """
      with head as (
        select o.tenant_id, o.host, o.id from webhook_host_outbox o
        where (o.claimed_until is null or o.claimed_until <= :now) and not exists (
          select from webhook_host_outbox e where e.tenant_id = o.tenant_id and e.host = o.host and e.id < o.id)
        order by o.id limit :batch for update skip locked
      ), claimed as (
        update webhook_host_outbox o set claimed_until = :until, claimed_by = :owner from head h
        where o.tenant_id = h.tenant_id and o.host = h.host and o.id = h.id returning o.id
      )
      select e.* from webhook_host_event e join claimed c on c.id = e.id order by e.id
      """;

  private static final String SENT =
      "delete from webhook_host_outbox where tenant_id = :tenant and host = :host and id = :id";

  private static final String PUT_BACK =
      """
      insert into webhook_host_outbox (tenant_id, host, id)
      select tenant_id, host, id from webhook_host_event where id = :id on conflict do nothing
      """;

  private static final String OLDEST =
      "select at from webhook_host_event where id = (select min(id) from webhook_host_outbox)";

  private static final String LIST =
      """
      select * from webhook_host_event where tenant_id = :tenant and id < :before order by id desc limit :limit
      """;

  private final Jdbi jdbi;
  private final ReplicaId me;

  /** A host queue was paused, or flows again. */
  record HostEvent(
      long id,
      String eventId,
      String tenant,
      String host,
      String state,
      String reason,
      Instant at) {}

  @Inject
  HostEventStore(Jdbi jdbi, ReplicaId me) {
    this.jdbi = jdbi;
    this.me = me;
  }

  /**
   * The oldest of each host queue that Kafka does not have and nobody is bringing there.
   *
   * @param pause until those that Kafka does not take are tried again, by whomever
   */
  List<HostEvent> claim(int batch, Instant now, Duration pause) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(CLAIM)
                .bind("now", now)
                .bind("until", now.plus(pause))
                .bind("owner", me.id())
                .bind("batch", batch)
                .map((row, context) -> event(row))
                .list());
  }

  /** Kafka has it. */
  void sent(HostEvent event) {
    jdbi.useHandle(handle -> sent(handle, event));
  }

  /** Nobody brings it there any more. */
  void sent(Handle handle, HostEvent event) {
    handle
        .createUpdate(SENT)
        .bind("tenant", event.tenant())
        .bind("host", event.host())
        .bind("id", event.id())
        .execute();
  }

  void putBack(Handle handle, long id) {
    handle.createUpdate(PUT_BACK).bind("id", id).execute();
  }

  /** When the oldest was written that Kafka does not have. */
  Optional<Instant> oldest() {
    return jdbi.withHandle(
        handle ->
            handle.createQuery(OLDEST).map((row, context) -> Rows.instant(row, "at")).findOne());
  }

  /** A tenant's, newest first, older than the one numbered {@code before}. */
  List<HostEvent> list(String tenant, long before, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LIST)
                .bind("tenant", tenant)
                .bind("before", before)
                .bind("limit", limit)
                .map((row, context) -> event(row))
                .list());
  }

  private static HostEvent event(ResultSet row) throws SQLException {
    return new HostEvent(
        row.getLong("id"),
        row.getString("event_id"),
        row.getString("tenant_id"),
        row.getString("host"),
        row.getString("state"),
        row.getString("reason"),
        Rows.instant(row, "at"));
  }
}
