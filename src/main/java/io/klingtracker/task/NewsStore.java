package io.klingtracker.task;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.ErrorClass;
import io.klingtracker.catalog.UnitPrice;
import io.klingtracker.database.Columns;
import io.klingtracker.database.FreshPlans;
import io.klingtracker.database.SqlFile;
import io.klingtracker.database.SqlStates;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/**
 * The statements by which news moves tasks. Each is one round trip: the change, its event, and the
 * queue rows of the work that it causes are created together or not at all.
 */
@Singleton
class NewsStore {

  /** Different pieces of news that changed nothing, kept for each task; more are dropped. */
  private static final int NEWS_LIMIT = 500;

  /** The very same news again is counted, so that a sender who repeats himself fills no table. */
  private static final String COUNTED =
      """
      on conflict (task_id, source, reason, coalesce(status, ''), hashtextextended(coalesce(detail, ''), 0))
        do update set repeats = task_news.repeats + 1, repeated_at = excluded.at
      """;

  private static final String NEWS = SqlFile.read(NewsStore.class, "News");

  private static final String MOVED =
      SqlFile.read(
          NewsStore.class,
          "Moved",
          Map.of(
              "position", TaskSql.POSITION,
              "event", TaskSql.RECORD_EVENT,
              "deliveries", TaskSql.PLAN_DELIVERIES));

  private static final String APPLY_WAITING = apply("");

  /** Leaves out tasks that another transaction holds. */
  private static final String APPLY_UNLOCKED = apply("skip locked");

  private static final String APPLY_AT_ONCE = withNews("ApplyAtOnce", Map.of());

  private static final String END_QUEUED = withNews("EndQueued", Map.of());

  private static final String NOTE =
      """
      insert into task_news (task_id, at, source, status, reason, detail)
      select id, cast(:now as timestamptz), :source, :status, :reason, :detail from task
      where id = :id and (select count(*) from task_news where task_id = :id) < :newsLimit
      """
          + COUNTED;

  private static String apply(String lock) {
    return withNews("Apply", Map.of("lock", lock, "counted", COUNTED));
  }

  private static String withNews(String file, Map<String, String> parts) {
    Map<String, String> all = new HashMap<>(parts);
    all.put("news", NEWS);
    all.put("moved", MOVED);
    return SqlFile.read(NewsStore.class, file, all);
  }

  private final Jdbi jdbi;
  private final Clock clock;
  private final AccountCurrencies currencies;
  private final ContentBase content;
  private final FreshPlans plans = new FreshPlans();

  @Inject
  NewsStore(Jdbi jdbi, Clock clock, AccountCurrencies currencies, ContentBase content) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.currencies = currencies;
    this.content = content;
  }

  /** At most one piece of news per task. */
  Map<String, Outcome> apply(List<News> batch, @Nullable String traceparent) {
    return apply(APPLY_WAITING, batch, traceparent);
  }

  /** The same, but tasks that another transaction holds are left alone: {@link Outcome.Busy}. */
  Map<String, Outcome> applyUnlocked(List<News> batch, @Nullable String traceparent) {
    return apply(APPLY_UNLOCKED, batch, traceparent);
  }

  private Map<String, Outcome> apply(
      String statement, List<News> batch, @Nullable String traceparent) {
    Map<String, Outcome> outcomes = new HashMap<>();
    jdbi.useHandle(
        handle ->
            given(handle, statement, batch, traceparent)
                .bind("newsLimit", NEWS_LIMIT)
                .map(
                    (row, context) -> {
                      String id = row.getString("id");
                      outcomes.put(id, outcome(row));
                      return id;
                    })
                .list());
    return outcomes;
  }

  /** News that needs no second look; in the transaction of the handle. */
  List<AppliedCallback> applyAtOnce(Handle handle, List<News> batch, @Nullable String traceparent) {
    plans.on(handle);
    return given(handle, APPLY_AT_ONCE, batch, traceparent)
        .map((row, context) -> appliedCallback(row))
        .list();
  }

  /**
   * News that ends tasks while they wait for dispatch.
   *
   * @param claim under which it is proved that nothing that was sent has arrived; null when only
   *     those end for which nothing was sent
   * @param dueBy when their deadline has passed; null when that does not matter
   * @return those that ended
   */
  List<TaskChanged> endQueued(
      List<News> batch,
      @Nullable ClaimToken claim,
      @Nullable Instant dueBy,
      @Nullable String traceparent) {
    return jdbi.withHandle(
        handle ->
            given(handle, END_QUEUED, batch, traceparent)
                .bind("owner", claim == null ? null : claim.owner())
                .bind("attempts", claim == null ? null : claim.attempts())
                .bind("dueBy", dueBy)
                .map((row, context) -> change(row))
                .list());
  }

  private Query given(
      Handle handle, String statement, List<News> batch, @Nullable String traceparent) {
    Instant now = clock.instant();
    List<News> news = new ArrayList<>(batch);
    news.sort(Comparator.comparing(News::taskId));
    return Columns.of(handle.createQuery(statement), news)
        .texts("ids", News::taskId)
        .texts("statuses", item -> item.signal().status().wireName())
        .texts("sources", item -> item.source().wireName())
        .texts("words", item -> TaskSql.word(item.word()))
        .texts("klingIds", item -> TaskSql.id(item.klingTaskId()))
        .texts("messages", item -> TaskSql.detail(item.signal().message()))
        .ints("codes", item -> item.signal().code())
        .texts("results", item -> item.signal().result())
        .decimals("units", item -> item.charge() == null ? null : item.charge().units())
        .decimals("amounts", item -> item.charge() == null ? null : item.charge().amount())
        .texts("currencies", item -> item.charge() == null ? null : item.charge().currency())
        .texts("errorClasses", item -> errorClass(item.signal(), error -> error.name().wireName()))
        .written("retryable", item -> errorClass(item.signal(), ErrorClass::retryable))
        .written("checks", News::nextCheckAt)
        .uuids("eventIds", item -> EventId.next(now))
        .texts("traceparents", item -> traceparent)
        .rest()
        .bind("now", now)
        .bind("accountCurrencies", accountCurrencies())
        .bind("listCurrency", UnitPrice.currency())
        .bind("resultLife", Tasks.RESULT_LIFE.toSeconds() + " seconds")
        .bind("contentBase", content.url());
  }

  private String accountCurrencies() {
    ObjectNode byAccount = JsonNodeFactory.instance.objectNode();
    currencies.byAccount().forEach(byAccount::put);
    return byAccount.toString();
  }

  /** Something of what the end was, if it is not the one that was asked for. */
  private static <T> @Nullable T errorClass(
      TaskSignal signal, Function<ErrorClass, @Nullable T> part) {
    if (signal instanceof TaskSignal.Failed failed) {
      return part.apply(Catalog.current().errorClass(failed.code(), failed.message()));
    }
    // Kling may have it still; a caller who withdrew it wants it no more.
    return signal instanceof TaskSignal.Expired
        ? part.apply(new ErrorClass(ErrorClass.Name.EXPIRED, null))
        : signal instanceof TaskSignal.Canceled
            ? part.apply(new ErrorClass(ErrorClass.Name.CANCELED, false))
            : null;
  }

  private static Outcome outcome(ResultSet row) throws SQLException {
    String status = row.getString("status");
    if (status == null) {
      return row.getBoolean("known") ? new Outcome.Busy() : new Outcome.NoSuchTask();
    }
    String reason = row.getString("reason");
    return reason != null
        ? new Outcome.Ignored(TaskStatus.of(status), reason)
        : new Outcome.Moved(change(row));
  }

  private static AppliedCallback appliedCallback(ResultSet row) throws SQLException {
    return new AppliedCallback(
        change(row),
        new UpstreamRef(
            row.getString("id"),
            row.getString("kind"),
            row.getString("upstream_model"),
            row.getString("account")),
        row.getLong("lead_millis"));
  }

  private static TaskChanged change(ResultSet row) throws SQLException {
    return new TaskChanged(
        row.getString("id"),
        row.getString("tenant_id"),
        row.getInt("sequence"),
        TaskStatus.of(row.getString("status")),
        row.getBoolean("webhook"));
  }

  void note(
      String taskId,
      Source source,
      @Nullable String status,
      String reason,
      @Nullable String detail) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(NOTE)
                .bind("newsLimit", NEWS_LIMIT)
                .bind("id", taskId)
                .bind("now", clock.instant())
                .bind("source", source.wireName())
                .bind("status", status == null ? null : TaskSql.word(status))
                .bind("reason", reason)
                .bind("detail", detail == null ? null : TaskSql.detail(detail))
                .execute());
  }

  static boolean isOtherTasksId(Throwable failure) {
    return SqlStates.of(failure).equals(SqlStates.UNIQUE_VIOLATION)
        && String.valueOf(failure.getMessage()).contains("task_kling");
  }
}
