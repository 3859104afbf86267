package io.klingtracker.webhook;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.SqlStatement;
import org.jspecify.annotations.Nullable;

/** Makes deliveries again: one, or all that failed in a time. */
@Singleton
class RedeliveryStore {

  /**
   * The same event, hence the same id and body; what became of it before stays in the attempts.
   * Many at once fall due one after the other, at half of what a host gets in a second: what
   * happens meanwhile is sent beside them.
   */
  private static final String AGAIN =
      """
      planned as (
        insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
        select e.task_id, e.sequence, e.event_id, e.tenant_id, webhook_host(t.callback_url), e.status, :now,
          cast(:now as timestamptz) + floor(2.0 * (row_number() over (
            partition by e.tenant_id, webhook_host(t.callback_url) order by e.task_id, e.sequence) - 1) / :hostRate)
            * interval '1 second'
        from wanted w join task_event e on e.event_id = w.event_id join task t on t.id = e.task_id
        where t.callback_url is not null and e.status <> 'queued'
        order by e.task_id, e.sequence
        on conflict (task_id, sequence) do update set due_at = excluded.due_at, attempts = 0, parked = false
          where webhook_delivery.claimed_until is null or webhook_delivery.claimed_until <= :now
        returning task_id, sequence
      ), forgotten as (
        delete from webhook_settled s using planned p where s.task_id = p.task_id and s.sequence = p.sequence
      )
      select count(*) from planned
      """;

  private static final String REDELIVER =
      """
      with wanted as (
        select event_id from task_event where event_id = cast(:id as uuid) and tenant_id = :tenant
      ), \
      """
          + AGAIN;

  private static final String FAILED =
      """
      from webhook_settled where state = 'failed' and settled_at >= :since and settled_at < :until
        and (cast(:tenant as text) is null or tenant_id = :tenant)
        and (cast(:host as text) is null or host = :host)
      """;

  private static final String COUNT_FAILED = "select count(*) " + FAILED;

  private static final String REDELIVER_FAILED =
      "with wanted as (select event_id " + FAILED + " order by settled_at limit :limit), " + AGAIN;

  private final Jdbi jdbi;
  private final int hostRate;
  private final Clock clock;

  /** Which failures; null means any. */
  record Failed(Instant since, Instant until, @Nullable String tenant, @Nullable String host) {}

  @Inject
  RedeliveryStore(Jdbi jdbi, WebhookConfig config, Clock clock) {
    this.jdbi = jdbi;
    this.hostRate = config.perHostRate();
    this.clock = clock;
  }

  /**
   * Makes a delivery again, under its id; false when there is nothing to make or it is under way.
   */
  boolean redeliver(String tenant, UUID id) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createQuery(REDELIVER)
                    .bind("id", id)
                    .bind("tenant", tenant)
                    .bind("hostRate", hostRate)
                    .bind("now", clock.instant())
                    .mapTo(Integer.class)
                    .one())
        > 0;
  }

  /** Makes one again, whosever it is; false when its task is gone. */
  boolean redeliver(UUID id) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createQuery("select tenant_id from task_event where event_id = :id")
                    .bind("id", id)
                    .mapTo(String.class)
                    .findOne())
        .map(tenant -> redeliver(tenant, id))
        .orElse(false);
  }

  /** How many deliveries have failed. */
  int count(Failed failed) {
    return jdbi.withHandle(
        handle -> bind(handle.createQuery(COUNT_FAILED), failed).mapTo(Integer.class).one());
  }

  /** Makes failed deliveries again, the oldest failure first; how many. */
  int redeliver(Failed failed, int limit) {
    return jdbi.withHandle(
        handle ->
            bind(handle.createQuery(REDELIVER_FAILED), failed)
                .bind("limit", limit)
                .bind("hostRate", hostRate)
                .bind("now", clock.instant())
                .mapTo(Integer.class)
                .one());
  }

  private static <S extends SqlStatement<S>> S bind(S statement, Failed failed) {
    return statement
        .bind("since", failed.since())
        .bind("until", failed.until())
        .bind("tenant", failed.tenant())
        .bind("host", failed.host());
  }
}
