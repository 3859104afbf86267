package io.klingtracker.task;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.mapper.RowMapper;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/**
 * Reads of tasks: each is one statement, names the tenant and has a bound. These are hot, hence not
 * entities in a transaction, which would be three round trips.
 */
@Singleton
class TaskRepository {

  /**
   * The first branch that finds something answers, the others are not run. A caller who names a
   * task like one of our ids finds either.
   */
  private static final String FIND =
      """
      select * from (
        select %1$s from task t where t.id = :id and t.tenant_id = :tenant
        union all
        select %1$s from task t where t.tenant_id = :tenant and t.external_task_id = :id
        %2$s
      ) as found limit 1
      """;

  private static final String OR_KLING =
      "union all select %s from task t where t.kling_task_id = :id and t.tenant_id = :tenant"
          .formatted(Task.COLUMNS);

  private static final String BY_OUR_OR_CALLERS = FIND.formatted(Task.COLUMNS, "");
  static final String BY_ANY = FIND.formatted(Task.COLUMNS, OR_KLING);

  /**
   * Each given id with what it names; ids that name nothing are missing, and of those for which
   * there is no room only the id is returned.
   */
  private static final String BATCH =
      """
      with found as materialized (
        select w.asked, w.n, %1$s from unnest(cast(:ids as text[])) with ordinality as w(asked, n)
          cross join lateral (
            select * from (
              select x.* from task x where x.id = w.asked and x.tenant_id = :tenant
              union all
              select x.* from task x where x.tenant_id = :tenant and x.external_task_id = w.asked
              union all
              select x.* from task x where x.kling_task_id = w.asked and x.tenant_id = :tenant
            ) as found limit 1
          ) t
      ),
      weighed as (select f.*, %2$s as weight from found f),
      placed as (select w.*, sum(weight) over (order by n) - weight < :maxBytes as fits from weighed w)
      select * from placed where fits
      union all
      -- Without its result, which is what there is no room for.
      select asked, n, id, tenant_id, kind, null, null, null, null, null, null, null, status, sequence, null, null, null, null,
        null, null, null, late, null, null, null, created_at, null, updated_at, null, null, null, null, 0, fits
      from placed where not fits
      """
          .formatted(Task.COLUMNS, TaskSql.WEIGHT);

  /** A caller's id is looked up with each tenant, by the index that begins with the tenant. */
  private static final String TENANTS_WITH =
      """
      select tenant_id from task where id = :id
      union
      select tenant_id from task where kling_task_id = :id
      union
      select t.tenant_id from tenant n cross join lateral (
        select x.tenant_id from task x where x.tenant_id = n.id and x.external_task_id = :id) t
      order by tenant_id limit :limit
      """;

  private static final String REPLAY =
      """
      select t.id, t.external_task_id, t.created_at, k.request_id
      from idempotency_key k join task t on t.id = k.task_id
      where k.tenant_id = :tenant and k.key = :key and k.request_hash = :hash
      """;

  /** The tasks of a page, newest first, as far as their bytes go into an answer. */
  private static final String WITHIN_BYTES =
      """
      with page as materialized (%s),
      weighed as (select p.*, %s as weight from page p)
      select * from (
        select w.*, sum(weight) over newest - weight as bytes_before, lead(id) over newest is not null as more
        from weighed w window newest as (order by id desc)
      ) placed
      where bytes_before < :maxBytes order by id desc
      """;

  /** The first tasks of a range; a range of the index of the tenant's tasks. */
  static final String OLDEST =
      """
      with page as materialized (
        select %s from task t
        where t.tenant_id = :tenant and t.id > :behind and t.id >= :from and t.id < :to
        order by t.id limit :limit
      ),
      weighed as (select p.*, %s as weight from page p)
      select * from (
        select w.*, sum(weight) over (order by id) - weight as bytes_before from weighed w
      ) placed
      where bytes_before < :maxBytes order by id
      """
          .formatted(Task.COLUMNS, TaskSql.WEIGHT);

  private final Jdbi jdbi;

  @Inject
  TaskRepository(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** By our id or the caller's. */
  Optional<Task> find(String tenant, String id) {
    return find(BY_OUR_OR_CALLERS, tenant, id);
  }

  /** By our id, the caller's or Kling's. */
  Optional<Task> findByAnyId(String tenant, String id) {
    return find(BY_ANY, tenant, id);
  }

  /** By our id, the caller's or Kling's, with what {@code beside} finds about it. */
  <T> Optional<T> findByAnyId(
      String tenant, String id, String beside, Map<String, ?> values, RowMapper<T> mapper) {
    String statement =
        "select * from (" + BY_ANY + ") as t left join lateral (" + beside + ") as b on true";
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(statement)
                .bindMap(values)
                .bind("tenant", tenant)
                .bind("id", id)
                .map(mapper)
                .findOne());
  }

  private Optional<Task> find(String statement, String tenant, String id) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(statement)
                .bind("tenant", tenant)
                .bind("id", id)
                .map((row, context) -> Task.of(row))
                .findOne());
  }

  /** Tenants with a task of this id. */
  List<String> tenantsWith(String id, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(TENANTS_WITH)
                .bind("id", id)
                .bind("limit", limit)
                .mapTo(String.class)
                .list());
  }

  /** What a request with this Idempotency-Key and this body was answered. */
  Optional<Submission.Replayed> replay(String tenant, String key, byte[] requestHash) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(REPLAY)
                .bind("tenant", tenant)
                .bind("key", key)
                .bind("hash", requestHash)
                .map(
                    (row, context) ->
                        new Submission.Replayed(
                            row.getString("id"),
                            row.getString("external_task_id"),
                            Rows.instant(row, "created_at"),
                            row.getObject("request_id", UUID.class)))
                .findOne());
  }

  List<Task> oldest(String tenant, TaskRange range, int limit, int maxBytes) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OLDEST)
                .bindMap(bounds(range))
                .bind("tenant", tenant)
                .bind("limit", limit)
                .bind("maxBytes", maxBytes)
                .map((row, context) -> Task.of(row))
                .list());
  }

  /** Every id is above the empty text, and below one that begins behind all letters. */
  static Map<String, String> bounds(TaskRange range) {
    return Map.of(
        "behind", range.behind() == null ? "" : range.behind(),
        "from", range.createdAfter() == null ? "" : TaskId.firstAt(range.createdAfter()),
        "to", range.createdBefore() == null ? "~" : TaskId.firstAt(range.createdBefore()));
  }

  TaskBatch batch(String tenant, List<String> ids) {
    Map<String, Task> found = new HashMap<>();
    List<String> leftOut = new ArrayList<>();
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createQuery(BATCH), ids)
                .texts("ids", id -> id)
                .rest()
                .bind("tenant", tenant)
                .bind("maxBytes", TaskPage.MAX_BYTES)
                .map(
                    (row, context) -> {
                      String asked = row.getString("asked");
                      if (row.getBoolean("fits")) {
                        found.put(asked, Task.of(row));
                      } else {
                        leftOut.add(asked);
                      }
                      return asked;
                    })
                .list());
    return new TaskBatch(found, leftOut);
  }

  /** Ids of tasks that a selection is of, with this status; newest first. */
  List<String> ids(String tenant, TaskSelection selection, TaskStatus status, int limit) {
    Map<String, Object> values = new HashMap<>();
    String statement =
        TaskListing.ids(tenant, selection.of(status), selection.externalTaskIds(), values);
    if (statement.contains(":most")) {
      values.put("most", limit);
    }
    return jdbi.withHandle(
        handle -> {
          Query query =
              handle.createQuery(statement).bindMap(values).bind("limit", limit).bind("offset", 0);
          if (!selection.externalTaskIds().isEmpty()) {
            Columns.of(query, selection.externalTaskIds()).texts("externalTaskIds", id -> id);
          }
          return query.mapTo(String.class).list();
        });
  }

  /**
   * Newest first, strictly older than {@code before}: ids sort by time, so the id is the keyset.
   */
  TaskPage page(String tenant, TaskFilter filter, @Nullable String before, int limit, int offset) {
    Map<String, Object> values = new HashMap<>();
    String statement = TaskListing.statement(tenant, filter, before, values);
    if (statement.contains(":most")) {
      values.put("most", limit + offset);
    }
    List<Task> tasks = new ArrayList<>();
    boolean[] more = {false};
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(WITHIN_BYTES.formatted(statement, TaskSql.WEIGHT))
                .bindMap(values)
                .bind("limit", limit)
                .bind("offset", offset)
                .bind("maxBytes", TaskPage.MAX_BYTES)
                .map(
                    (row, context) -> {
                      more[0] = row.getBoolean("more");
                      return tasks.add(Task.of(row));
                    })
                .list());
    return new TaskPage(tasks, more[0]);
  }
}
