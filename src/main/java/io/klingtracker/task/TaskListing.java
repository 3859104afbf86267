package io.klingtracker.task;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The statement of a list. What it walks, newest first, depends on the filter, so that each filter
 * has an index to walk (ADR 17): {@code task} itself has none that names the status, which would
 * cost every update of every task.
 */
final class TaskListing {

  private static final String SELECT = "select " + Task.COLUMNS + " from ";

  private static final String SELECT_IDS = "select t.id from ";

  /** Queued tasks are in one of the small queues, while a create is under way in both. */
  private static final String QUEUED =
      """
      task t where t.id in (
        (select o.task_id from dispatch_queue o join task t on t.id = o.task_id
         where o.tenant_id = :tenant %1$s order by o.task_id desc limit :most)
        union
        (select o.task_id from open_task o join task t on t.id = o.task_id
         where t.tenant_id = :tenant %1$s order by o.task_id desc limit :most))
      """;

  /**
   * Whatever moves a task takes it out of the dispatch queue, so that Kling's are in the other one.
   */
  private static final String AT_KLING =
      """
      task t where t.id in (
        select o.task_id from open_task o join task t on t.id = o.task_id
        where t.tenant_id = :tenant %1$s order by o.task_id desc limit :most)
      """;

  /**
   * The tasks of labels, one by one: a merge join would walk all tasks down to the newest that has
   * the label.
   */
  private static final String LOOKED_UP =
      " cross join lateral (select x.* from task x where x.id = %s offset 0) t ";

  private TaskListing() {}

  /**
   * The statement, with its parameters but for {@code limit}, {@code offset} and {@code most} (the
   * sum of both) put into {@code values}.
   */
  static String statement(
      String tenant, TaskFilter filter, @Nullable String before, Map<String, Object> values) {
    values.put("tenant", tenant);
    TaskStatus status = filter.status();
    boolean byCallersId = filter.externalTaskId() != null;
    String where = where(filter, byCallersId, values);
    if (status == null && !byCallersId && !filter.labels().isEmpty()) {
      return SELECT
          + labels(filter, before, values)
          + LOOKED_UP.formatted("l0.task_id")
          + "where true"
          + where
          + end("l0.task_id");
    }
    if (status == null || byCallersId) {
      return SELECT
          + "task t where t.tenant_id = :tenant"
          + where
          + range("t.id", filter, before, values)
          + end("t.id");
    }
    if (status.compareTo(TaskStatus.EXPIRED) >= 0) {
      return SELECT
          + (filter.labels().isEmpty()
              ? "task_event e join task t on t.id = e.task_id "
              : labels(filter, before, values)
                  + " join task_event e on e.task_id = l0.task_id"
                  + LOOKED_UP.formatted("e.task_id"))
          + "where e.tenant_id = :tenant and e.status = '"
          + status.wireName()
          + "'"
          + where
          + range("e.task_id", filter, before, values)
          // Said of both, since a merge join would else walk the tasks from the newest to the
          // cursor.
          + range("t.id", filter, before, values)
          + end("e.task_id");
    }
    return SELECT
        + (status == TaskStatus.QUEUED ? QUEUED : AT_KLING)
            .formatted(where + range("o.task_id", filter, before, values))
        + end("t.id");
  }

  /**
   * The same for the ids of tasks alone, of one status, that also have one of these ids of the
   * caller's, if there are any.
   */
  static String ids(
      String tenant, TaskFilter filter, List<String> externalTaskIds, Map<String, Object> values) {
    if (externalTaskIds.isEmpty()) {
      return statement(tenant, filter, null, values).replace(SELECT, SELECT_IDS);
    }
    values.put("tenant", tenant);
    return SELECT_IDS
        + "task t where t.tenant_id = :tenant"
        + " and t.external_task_id = any(cast(:externalTaskIds as text[]))"
        + where(filter, true, values)
        + range("t.id", filter, null, values)
        + end("t.id");
  }

  /**
   * What is said of the task itself.
   *
   * @param few whether it is looked up by an id, or few others are
   */
  private static String where(TaskFilter filter, boolean few, Map<String, Object> values) {
    StringBuilder where = new StringBuilder();
    TaskStatus status = filter.status();
    if (status == TaskStatus.EXPIRED) {
      // Said so that the planner does not count on it: it would take the few tasks of a status and
      // the few events of it for hardly any of both, and read them all to sort them.
      where.append(" and case when t.status = 'expired' then true else false end");
    } else if (status != null && (!status.isFinal() || few)) {
      // A word of ours, written out, lets PostgreSQL prove which index will do. A task stays where
      // its final event has put it.
      where.append(" and t.status = '").append(status.wireName()).append("'");
    }
    if (few || status != null && status.compareTo(TaskStatus.EXPIRED) < 0) {
      for (int i = 0; i < filter.labels().size(); i++) {
        // Of few tasks, so that they are looked through; the planner would guess one in two
        // hundred.
        where.append(
            " and case when t.metadata ->> :label%1$s = :text%1$s then true else false end"
                .formatted(i));
        label(values, filter, i);
      }
    }
    add(where, values, "t.kind = ", "kind", filter.kind());
    add(where, values, "t.model = ", "model", filter.model());
    add(where, values, "t.external_task_id = ", "externalTaskId", filter.externalTaskId());
    return where.toString();
  }

  /** A row for each pair, of which the planner walks those of the rarest. */
  private static String labels(
      TaskFilter filter, @Nullable String before, Map<String, Object> values) {
    StringBuilder joins = new StringBuilder();
    for (int i = 0; i < filter.labels().size(); i++) {
      String name = "l" + i;
      joins
          .append(i == 0 ? "" : " join ")
          .append(
              """
              (select l.task_id from task_label l
               where l.tenant_id = :tenant and l.term = task_label_term(:label%1$s, :text%1$s)%2$s) l%1$s\
              """
                  .formatted(i, range("l.task_id", filter, before, values)))
          .append(i == 0 ? "" : " on " + name + ".task_id = l0.task_id");
      label(values, filter, i);
    }
    return joins.toString();
  }

  private static void label(Map<String, Object> values, TaskFilter filter, int i) {
    TaskFilter.Label label = filter.labels().get(i);
    values.put("label" + i, label.key());
    values.put("text" + i, label.value());
  }

  /** Ids sort by time, so that times and the cursor are ranges of the index that is walked. */
  private static String range(
      String id, TaskFilter filter, @Nullable String before, Map<String, Object> values) {
    StringBuilder range = new StringBuilder();
    if (filter.createdAfter() != null) {
      add(range, values, id + " >= ", "createdAfter", TaskId.firstAt(filter.createdAfter()));
    }
    if (filter.createdBefore() != null) {
      add(range, values, id + " < ", "createdBefore", TaskId.firstAt(filter.createdBefore()));
    }
    add(range, values, id + " < ", "before", before);
    return range.toString();
  }

  private static void add(
      StringBuilder where,
      Map<String, Object> values,
      String comparison,
      String name,
      @Nullable String value) {
    if (value != null) {
      where.append(" and ").append(comparison).append(':').append(name);
      values.put(name, value);
    }
  }

  private static String end(String id) {
    return " order by " + id + " desc limit :limit offset :offset";
  }
}
