package io.klingtracker.webhook;

import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Jdbi;

/** Tasks, changes and their deliveries, put straight into the tables. */
final class PlannedDeliveries {

  private final Jdbi jdbi;
  private final AtomicInteger count = new AtomicInteger();

  PlannedDeliveries(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  String task(String tenant, String url, Instant at) {
    String id = String.format("task_%026d", count.incrementAndGet());
    jdbi.useHandle(
        h -> {
          h.createUpdate(
                  "insert into tenant (id, name, created_at) values (:t, :t, now()) on conflict do nothing")
              .bind("t", tenant)
              .execute();
          h.createUpdate(
                  """
                  insert into task (id, tenant_id, kind, callback_url, status, sequence, feed_position, created_at, updated_at)
                  values (:id, :tenant, 'text2video', :url, 'queued', 1, 0, :at, :at)
                  """)
              .bind("id", id)
              .bind("tenant", tenant)
              .bind("url", url)
              .bind("at", at.atOffset(ZoneOffset.UTC))
              .execute();
        });
    return id;
  }

  /** The event and its delivery row, as the statement of the change writes them. */
  String change(String task, int sequence, String status, Instant at) {
    String eventId = UUID.randomUUID().toString();
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    with e as (
                      insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source,
                        occurred_at, feed_position, payload)
                      select id, :sequence, cast(:event as uuid), tenant_id, cast(:status as task_status), 'queued',
                        'callback', :at, 0, json_build_object('event_id', :event, 'task_id', id, 'sequence', :sequence,
                          'status', :status, 'status_message', '', 'occurred_at', '2026-03-01T10:00:00.000Z')
                      from task where id = :task returning *
                    )
                    insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
                    select e.task_id, e.sequence, e.event_id, e.tenant_id, webhook_host(t.callback_url), e.status, :at, :at
                    from e join task t on t.id = e.task_id
                    """)
                .bind("task", task)
                .bind("sequence", sequence)
                .bind("event", eventId)
                .bind("status", status)
                .bind("at", at.atOffset(ZoneOffset.UTC))
                .execute());
    return eventId;
  }

  /**
   * Tasks with a waiting change each, in one statement.
   *
   * @param url with {@code %s} for the number, from 1
   */
  void many(String tenant, int tasks, String url, Instant plannedAt, Instant dueAt) {
    jdbi.useTransaction(
        h -> {
          h.execute("set local session_replication_role = replica");
          h.createUpdate(
                  """
                  with tenant as (
                    insert into tenant (id, name, created_at) values (:tenant, :tenant, now()) on conflict do nothing
                  ), t as (
                    insert into task (id, tenant_id, kind, callback_url, status, sequence, feed_position, created_at, updated_at)
                    select :prefix || lpad(i::text, 20, '0'), :tenant, 'text2video', format(:url, i), 'queued', 1, 0, :at, :at
                    from generate_series(1, :tasks) i returning *
                  ), e as (
                    insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source,
                      occurred_at, feed_position, payload)
                    select id, 2, gen_random_uuid(), tenant_id, 'succeed', 'queued', 'callback', :at, 0,
                      json_build_object('task_id', id) from t returning *
                  )
                  insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
                  select e.task_id, e.sequence, e.event_id, e.tenant_id, webhook_host(t.callback_url), e.status, :at, :due
                  from e join t on t.id = e.task_id
                  """)
              .bind("tenant", tenant)
              .bind("tasks", tasks)
              .bind("url", url)
              .bind("prefix", String.format("task_m%05d", count.incrementAndGet()))
              .bind("at", plannedAt.atOffset(ZoneOffset.UTC))
              .bind("due", dueAt.atOffset(ZoneOffset.UTC))
              .execute();
        });
  }

  /** Rows that wait in their host queue for room. */
  int parked() {
    return strings("select '' from webhook_delivery where parked").size();
  }

  List<String> hostQueues() {
    return strings("select tenant_id || ' ' || host from webhook_lane order by 1");
  }

  List<String> waiting() {
    return strings(
        "select task_id || ' ' || sequence from webhook_delivery order by task_id, sequence");
  }

  List<String> settled(String task) {
    return strings(
        "select sequence || ' ' || state || ' ' || attempts from webhook_settled where task_id = '"
            + task
            + "' order by sequence");
  }

  List<String> hosts() {
    return strings("select tenant_id || ' ' || host from webhook_host order by 1");
  }

  int attempts() {
    return strings("select '' from webhook_attempt").size();
  }

  List<String> strings(String sql) {
    return jdbi.withHandle(h -> h.createQuery(sql).mapTo(String.class).list());
  }
}
