package io.klingtracker.webhook;

import io.klingtracker.database.Rows;
import io.klingtracker.egress.AttemptResult;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** What people ask about deliveries and host queues. */
@Singleton
class DeliveryQueries {

  /** Attempts of one delivery that are shown; a schedule has ten. */
  private static final int MAX_ATTEMPTS = 200;

  private static final int MAX_HOSTS = 500;

  private static final String LIST =
      """
      select d.*, d.event_id::text as id from (
        select event_id, task_id, sequence, host, status::text as status, 'pending' as state, attempts, reason,
          planned_at, due_at, null::timestamptz as settled_at
        from (
          -- Together all of a tenant's, each by an index.
          select * from webhook_delivery where tenant_id = :tenant and claimed_until is null and not parked
          union all
          select * from webhook_delivery where tenant_id = :tenant and parked
          union all
          select * from webhook_delivery where tenant_id = :tenant and claimed_until is not null) p
        where (cast(:task as text) is null or task_id = :task)
          and (cast(:host as text) is null or host = :host) and (cast(:state as text) is null or :state = 'pending')
          and (cast(:id as uuid) is null or event_id = cast(:id as uuid)) and (cast(:before as uuid) is null or event_id < cast(:before as uuid))
        union all
        select event_id, task_id, sequence, host, status::text, state, attempts, reason, planned_at, null, settled_at
        from webhook_settled
        where tenant_id = :tenant and (cast(:task as text) is null or task_id = :task)
          and (cast(:host as text) is null or host = :host) and (cast(:state as text) is null or state = :state)
          and (cast(:id as uuid) is null or event_id = cast(:id as uuid)) and (cast(:before as uuid) is null or event_id < cast(:before as uuid))
      ) d order by event_id desc limit :limit
      """;

  private static final String ATTEMPTS =
      """
      select at, status, failure as error, detail, latency_ms, answer from webhook_attempt
      where event_id = cast(:id as uuid) and tenant_id = :tenant order by id desc limit :limit
      """;

  /** Found by the task's events: attempts are many, and indexed by those alone. */
  private static final String ATTEMPTS_OF_TASK =
      """
      select a.event_id::text as id, a.at, a.status, a.failure as error, a.detail, a.latency_ms, a.answer
      from task_event e join webhook_attempt a on a.event_id = e.event_id
      where e.task_id = :task and a.tenant_id = :tenant order by a.id desc limit :limit
      """;

  private static final String HOSTS =
      """
      select tenant_id as tenant, host, trouble as failures, failing_since, last_failed_at, last_reason,
        open_until as next_attempt_at, paused_at
      from webhook_host
      where (cast(:tenant as text) is null or tenant_id = :tenant) and (not :paused or paused_at is not null)
      order by paused_at nulls last, failing_since limit :limit
      """;

  private static final String RESUME =
      """
      with resumed as (
        delete from webhook_host where tenant_id = :tenant and host = :host returning paused_at
      ), hastened as (
        update webhook_lane set due_at = :now, changes = changes + 1 where tenant_id = :tenant and host = :host
      )
      select case when paused_at is not null then webhook_host_told(:tenant, :host, 'resumed', 'on request', :now, :hostTopic) end as told
      from resumed
      """;

  private static final String LOG_TEST =
      """
      insert into webhook_attempt (event_id, tenant_id, host, at, status, failure, detail, latency_ms, answer)
      values (:id, :tenant, webhook_host(:url), :now, :status, :failure, :detail, :latency, :answer)
      """;

  private final Jdbi jdbi;
  private final String hostTopic;
  private final Clock clock;

  /** Which deliveries; null means any. */
  record Filter(
      @Nullable String taskId,
      @Nullable String state,
      @Nullable String host,
      @Nullable UUID before) {}

  /** A delivery, waiting or settled. */
  public record Entry(
      String id,
      String taskId,
      int sequence,
      String host,
      String status,
      String state,
      int attempts,
      @Nullable String reason,
      Instant plannedAt,
      @Nullable Instant dueAt,
      @Nullable Instant settledAt) {}

  @Inject
  DeliveryQueries(Jdbi jdbi, WebhookConfig config, Clock clock) {
    this.jdbi = jdbi;
    this.hostTopic = config.hostTopic();
    this.clock = clock;
  }

  /** A tenant's deliveries, newest event first. */
  List<Entry> list(String tenant, Filter filter, int limit) {
    return list(tenant, filter, null, limit);
  }

  /** One delivery. */
  Optional<Entry> find(String tenant, UUID id) {
    return list(tenant, new Filter(null, null, null, null), id, 1).stream().findFirst();
  }

  private List<Entry> list(String tenant, Filter filter, @Nullable UUID id, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LIST)
                .bind("tenant", tenant)
                .bind("task", filter.taskId())
                .bind("host", filter.host())
                .bind("state", filter.state())
                .bind("id", id)
                .bind("before", filter.before())
                .bind("limit", limit)
                .map(Rows.record(Entry.class))
                .list());
  }

  /** What happened to a delivery, newest attempt first. */
  List<DeliveryView.AttemptView> attempts(String tenant, UUID id) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(ATTEMPTS)
                .bind("id", id)
                .bind("tenant", tenant)
                .bind("limit", MAX_ATTEMPTS)
                .map(Rows.record(DeliveryView.AttemptView.class))
                .list());
  }

  /** Attempts of all deliveries of a task, newest first. */
  List<TaskDeliveries.Attempt> attemptsOfTask(String tenant, String taskId, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(ATTEMPTS_OF_TASK)
                .bind("task", taskId)
                .bind("tenant", tenant)
                .bind("limit", limit)
                .map(Rows.record(TaskDeliveries.Attempt.class))
                .list());
  }

  /** Host queues that fail, paused ones first; of one tenant, or of all. */
  List<HostView> hosts(@Nullable String tenant, boolean pausedOnly) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(HOSTS)
                .bind("tenant", tenant)
                .bind("paused", pausedOnly)
                .bind("limit", MAX_HOSTS)
                .map(Rows.record(HostView.class))
                .list());
  }

  /** Forgets what speaks against a host queue; false when nothing did. */
  boolean resume(String tenant, String host) {
    return !jdbi.withHandle(
            handle ->
                handle
                    .createQuery(RESUME)
                    .bind("tenant", tenant)
                    .bind("host", host)
                    .bind("now", clock.instant())
                    .bind("hostTopic", hostTopic)
                    .map((row, context) -> host)
                    .list())
        .isEmpty();
  }

  /** Notes a test. */
  void logTest(UUID id, String tenant, String url, AttemptResult result) {
    AttemptResult.Answered answered = result instanceof AttemptResult.Answered a ? a : null;
    AttemptResult.Unanswered unanswered = result instanceof AttemptResult.Unanswered u ? u : null;
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(LOG_TEST)
                .bind("id", id)
                .bind("tenant", tenant)
                .bind("url", url)
                .bind("now", clock.instant())
                .bind("status", answered == null ? null : answered.status())
                .bind("failure", unanswered == null ? null : unanswered.failure().wireName())
                .bind("detail", unanswered == null ? null : unanswered.detail())
                .bind("latency", result.latency().toMillis())
                .bind("answer", answered == null ? null : answered.excerpt())
                .execute());
  }
}
