package io.klingtracker.task;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import io.quarkus.panache.common.Sort;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads of tasks; each names the tenant and has a bound. */
@ApplicationScoped
class TaskRepository implements PanacheRepositoryBase<Task, String> {

  Optional<Task> byTaskId(String tenant, String id) {
    return find("tenant = ?1 and id = ?2", tenant, id).firstResultOptional();
  }

  Optional<Task> byExternalTaskId(String tenant, String externalTaskId) {
    return find("tenant = ?1 and externalTaskId = ?2", tenant, externalTaskId)
        .firstResultOptional();
  }

  Optional<Task> byKlingTaskId(String tenant, String klingTaskId) {
    return find("tenant = ?1 and klingTaskId = ?2", tenant, klingTaskId).firstResultOptional();
  }

  /**
   * Newest first, strictly older than {@code before}: ids sort by time, so the id is the keyset.
   */
  List<Task> page(String tenant, TaskFilter filter, @Nullable String before, int limit) {
    return find(where(filter, before), Sort.descending("id"), parameters(tenant, filter, before))
        .page(0, limit)
        .list();
  }

  /** Newest first by page number, as Kling's list has it. */
  List<Task> numberedPage(String tenant, TaskFilter filter, int pageNumber, int pageSize) {
    return find(where(filter, null), Sort.descending("id"), parameters(tenant, filter, null))
        .page(pageNumber - 1, pageSize)
        .list();
  }

  private static String where(TaskFilter filter, @Nullable String before) {
    StringBuilder where = new StringBuilder("tenant = :tenant");
    if (filter.kind() != null) {
      where.append(" and kind = :kind");
    }
    if (filter.status() != null) {
      // The column is an enum of the database; the words compare as text.
      where.append(" and cast(status as string) = :status");
    }
    if (filter.model() != null) {
      where.append(" and model = :model");
    }
    if (filter.externalTaskId() != null) {
      where.append(" and externalTaskId = :externalTaskId");
    }
    if (filter.createdAfter() != null) {
      where.append(" and id >= :createdAfter");
    }
    if (filter.createdBefore() != null) {
      where.append(" and id < :createdBefore");
    }
    if (before != null) {
      where.append(" and id < :before");
    }
    return where.toString();
  }

  private static Map<String, Object> parameters(
      String tenant, TaskFilter filter, @Nullable String before) {
    Map<String, Object> values = new HashMap<>();
    values.put("tenant", tenant);
    if (filter.kind() != null) {
      values.put("kind", filter.kind());
    }
    if (filter.status() != null) {
      values.put("status", filter.status().word());
    }
    if (filter.model() != null) {
      values.put("model", filter.model());
    }
    if (filter.externalTaskId() != null) {
      values.put("externalTaskId", filter.externalTaskId());
    }
    if (filter.createdAfter() != null) {
      values.put("createdAfter", TaskId.firstAt(filter.createdAfter()));
    }
    if (filter.createdBefore() != null) {
      values.put("createdBefore", TaskId.firstAt(filter.createdBefore()));
    }
    if (before != null) {
      values.put("before", before);
    }
    return values;
  }
}
