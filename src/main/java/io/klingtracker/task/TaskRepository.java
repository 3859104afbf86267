package io.klingtracker.task;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.mapper.RowMapper;
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

  /** Each given id with what it names; ids that name nothing are missing. */
  private static final String BATCH =
      """
      select w.asked, %1$s from unnest(cast(:ids as text[])) as w(asked)
        cross join lateral (
          select * from (
            select x.* from task x where x.id = w.asked and x.tenant_id = :tenant
            union all
            select x.* from task x where x.tenant_id = :tenant and x.external_task_id = w.asked
            union all
            select x.* from task x where x.kling_task_id = w.asked and x.tenant_id = :tenant
          ) as found limit 1
        ) t
      """
          .formatted(Task.COLUMNS);

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

  Map<String, Task> batch(String tenant, List<String> ids) {
    Map<String, Task> found = new HashMap<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(BATCH)
                .bind("tenant", tenant)
                .bindArray("ids", String.class, ids)
                .map((row, context) -> Map.entry(row.getString("asked"), Task.of(row)))
                .forEach(entry -> found.put(entry.getKey(), entry.getValue())));
    return found;
  }

  /**
   * Newest first, strictly older than {@code before}: ids sort by time, so the id is the keyset.
   */
  List<Task> page(
      String tenant, TaskFilter filter, @Nullable String before, int limit, int offset) {
    Map<String, Object> values = new HashMap<>();
    String statement = TaskListing.statement(tenant, filter, before, values);
    if (statement.contains(":most")) {
      values.put("most", limit + offset);
    }
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(statement)
                .bindMap(values)
                .bind("limit", limit)
                .bind("offset", offset)
                .map((row, context) -> Task.of(row))
                .list());
  }
}
