package io.klingtracker.webhook;

import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;

/** Ends what has waited too long, forgets what is old, and samples what the metrics show. */
@Singleton
class WebhookSweep {

  private static final Logger LOG = Logger.getLogger(WebhookSweep.class);
  private static final int BATCH = 2000;

  /** Failing hosts that a tenant may have at once. */
  static final int HOSTS_PER_TENANT = 10_000;

  private static final String GIVE_UP =
      """
      with old as materialized (
        select task_id, sequence from webhook_delivery
        where planned_at < :before and (claimed_until is null or claimed_until <= :now)
        order by task_id, sequence limit :batch for update skip locked
      ), ended as (
        delete from webhook_delivery d using old o where d.task_id = o.task_id and d.sequence = o.sequence returning d.*
      )
      insert into webhook_settled
        (task_id, sequence, event_id, tenant_id, host, status, state, attempts, reason, planned_at, settled_at)
      select task_id, sequence, event_id, tenant_id, host, status, 'failed', attempts,
        concat_ws('; ', reason, 'given up after waiting too long'), planned_at, :now from ended
      on conflict (task_id, sequence) do update set state = excluded.state, attempts = excluded.attempts,
        reason = excluded.reason, settled_at = excluded.settled_at
      """;

  private static final String FORGET_ATTEMPTS =
      """
      delete from webhook_attempt where id in (
        select id from webhook_attempt where at < :before limit :batch)
      """;

  private static final String FORGET_SETTLED =
      """
      delete from webhook_settled where (task_id, sequence) in (
        select task_id, sequence from webhook_settled where settled_at < :before limit :batch)
      """;

  private static final String FORGET_GONE =
      """
      delete from webhook_gone where task_id in (select task_id from webhook_gone where gone_at < :before limit :batch)
      """;

  private static final String FORGET_SECRETS =
      "delete from webhook_secret where expires_at < :before";

  /**
   * A host queue that has long had nothing to send does not count as failing any more. One that is
   * not paused says nothing after a day, when the count of its days begins again.
   */
  private static final String FORGET_HOSTS =
      """
      with old as materialized (
        select h.tenant_id, h.host from webhook_host h
        where h.last_failed_at < case
          when h.paused_at is null then cast(:now as timestamptz) - interval '1 day' else cast(:before as timestamptz) end
        and not exists (
          select from webhook_delivery d where d.tenant_id = h.tenant_id and d.host = h.host)
        order by h.tenant_id, h.host limit :batch
      ), gone as (
        delete from webhook_host h using old o where h.tenant_id = o.tenant_id and h.host = o.host
        returning h.tenant_id, h.host, h.paused_at
      )
      select webhook_host_told(tenant_id, host, 'resumed', 'nothing to send for long', :now, :hostTopic) as told from gone
      where paused_at is not null
      """;

  /**
   * A tenant keeps so many failing hosts, those that have failed longest; what waits for any more
   * is given up, whatever of it is not under way.
   */
  private static final String GIVE_UP_HOSTS =
      """
      with excess as materialized (
        select tenant_id, host from (
          select tenant_id, host, row_number() over (partition by tenant_id order by failing_since, host) as place
          from webhook_host where (select count(*) from webhook_host) > :most) h
        where place > :most order by tenant_id, host limit :batch
      ), waiting as materialized (
        select d.task_id, d.sequence from webhook_delivery d
        join excess e on e.tenant_id = d.tenant_id and e.host = d.host
        where d.claimed_until is null or d.claimed_until <= :now
        order by d.task_id, d.sequence limit :batch for update of d skip locked
      ), ended as (
        delete from webhook_delivery d using waiting w where d.task_id = w.task_id and d.sequence = w.sequence
        returning d.*
      ), settled as (
        insert into webhook_settled
          (task_id, sequence, event_id, tenant_id, host, status, state, attempts, reason, planned_at, settled_at)
        select task_id, sequence, event_id, tenant_id, host, status, 'failed', attempts,
          concat_ws('; ', reason, format('given up: more than %s hosts of the tenant fail', :most)), planned_at, :now
        from ended
        on conflict (task_id, sequence) do update set state = excluded.state, attempts = excluded.attempts,
          reason = excluded.reason, settled_at = excluded.settled_at
      ), forgotten as (
        delete from webhook_host h using excess e where h.tenant_id = e.tenant_id and h.host = e.host
          and h.paused_at is null and not exists (
            select from webhook_delivery d where d.tenant_id = h.tenant_id and d.host = h.host)
      )
      select count(*) from ended
      """;

  private static final String FORGET_HOST_EVENTS =
      """
      delete from webhook_host_event e where e.id in (
        select id from webhook_host_event where at < :before limit :batch)
      """;

  /** What Kafka has not taken of them in that time is set aside, and old news. */
  private static final String FORGET_UNSENT =
      """
      delete from outbox where topic is not null and id in (
        select o.id from outbox o join set_aside s on s.kind = 'host-event' and s.key = o.id::text
        where o.topic is not null and s.at < :before limit :batch)
      """;

  /** After a minute every bucket is full again, as one that has no row. */
  private static final String FORGET_RATES =
      "delete from webhook_rate where at < cast(:now as timestamptz) - interval '1 minute'";

  private static final String SAMPLE =
      """
      select (select count(*) from webhook_delivery) as waiting,
        (select coalesce(extract(epoch from :now - min(due_at)), 0) from webhook_delivery
         where due_at <= :now and claimed_until is null) as oldest,
        (select count(*) from webhook_host where paused_at is null and trouble > 0) as troubled,
        (select count(*) from webhook_host where paused_at is not null) as paused
      """;

  private final Jdbi jdbi;
  private final WebhookConfig config;
  private final WebhookMetrics metrics;
  private final Clock clock;

  @Inject
  WebhookSweep(Jdbi jdbi, WebhookConfig config, WebhookMetrics metrics, Clock clock) {
    this.jdbi = jdbi;
    this.config = config;
    this.metrics = metrics;
    this.clock = clock;
  }

  /** One bounded pass; true when there is more. */
  boolean runOnce() {
    Instant now = clock.instant();
    AtomicBoolean more = new AtomicBoolean();
    Map<String, Runnable> chores = new LinkedHashMap<>();
    chores.put("sample", () -> sample(now));
    chores.put("give up", () -> more(more, sweep(GIVE_UP, now, config.giveUpAfter())));
    chores.put("attempts", () -> more(more, sweep(FORGET_ATTEMPTS, now, config.keep())));
    chores.put("settled", () -> more(more, sweep(FORGET_SETTLED, now, config.keep())));
    chores.put("gone", () -> more(more, sweep(FORGET_GONE, now, config.keep())));
    chores.put("hosts", () -> more(more, giveUpHosts(HOSTS_PER_TENANT, now)));
    chores.put("secrets", () -> sweep(FORGET_SECRETS, now, config.keep()));
    chores.put("host events", () -> sweep(FORGET_HOST_EVENTS, now, config.keep()));
    chores.put("host events set aside", () -> sweep(FORGET_UNSENT, now, config.keep()));
    chores.put("rates", () -> forgetRates(now));
    chores.put("healthy hosts", () -> forgetHosts(now));
    Batch.each(
        chores.entrySet(),
        chore -> chore.getValue().run(),
        (chore, failure) ->
            LOG.warnf("sweeping %s failed: %s", chore.getKey(), SetAside.reason(failure)));
    return more.get();
  }

  private static void more(AtomicBoolean more, int swept) {
    if (swept == BATCH) {
      more.set(true);
    }
  }

  private void forgetRates(Instant now) {
    jdbi.useHandle(handle -> handle.createUpdate(FORGET_RATES).bind("now", now).execute());
  }

  private void forgetHosts(Instant now) {
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(FORGET_HOSTS)
                .bind("before", now.minus(config.keep()))
                .bind("now", now)
                .bind("batch", BATCH)
                .bind("hostTopic", config.hostTopic())
                .mapTo(String.class)
                .list());
  }

  /** See {@link #GIVE_UP_HOSTS}; how many deliveries. */
  int giveUpHosts(int most, Instant now) {
    int ended =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(GIVE_UP_HOSTS)
                    .bind("most", most)
                    .bind("now", now)
                    .bind("batch", BATCH)
                    .mapTo(Integer.class)
                    .one());
    if (ended > 0) {
      LOG.warnf("%d deliveries given up: more than %d hosts of their tenant fail", ended, most);
      metrics.hostsExceeded(ended);
    }
    return ended;
  }

  private int sweep(String sql, Instant now, Duration age) {
    return jdbi.withHandle(
        handle -> {
          var update = handle.createUpdate(sql).bind("before", now.minus(age));
          if (sql.contains(":now")) {
            update.bind("now", now);
          }
          if (sql.contains(":batch")) {
            update.bind("batch", BATCH);
          }
          return update.execute();
        });
  }

  private void sample(Instant now) {
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(SAMPLE)
                .bind("now", now)
                .map(
                    (row, context) -> {
                      metrics.sampled(
                          row.getInt("waiting"),
                          Math.round(row.getDouble("oldest") * 1000),
                          row.getInt("troubled"),
                          row.getInt("paused"));
                      return true;
                    })
                .one());
  }
}
