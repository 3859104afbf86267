package io.klingtracker.task;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.request.Metadata;
import io.klingtracker.request.Parameters;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Which of a tenant's tasks something is to be done to; all must match, and one at least is named.
 *
 * @param externalTaskIds one of these; any where it is empty
 * @param named the names of what was given, for logs that must not have the values
 */
public record TaskSelection(TaskFilter filter, List<String> externalTaskIds, List<String> named) {

  /** Most ids of the caller's in one selection. */
  public static final int MAX_IDS = 1_000;

  /**
   * A selection as callers write it.
   *
   * @param metadata pairs that a task must have
   * @param externalTaskIds of which it must have one, {@link #MAX_IDS} at most
   * @param status a word
   * @param createdAfter RFC 3339 or a day, inclusive
   * @param createdBefore the same, exclusive
   * @param confirm how many tasks it is to be done to; left out, they are counted
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Request(
      @Nullable Map<String, @Nullable String> metadata,
      @Nullable List<@Nullable String> externalTaskIds,
      @Nullable String status,
      @Nullable String kind,
      @Nullable String model,
      @Nullable String createdAfter,
      @Nullable String createdBefore,
      @Nullable Integer confirm) {}

  /**
   * Reads a selection.
   *
   * @param statuses which it may name
   */
  static TaskSelection of(@Nullable Request request, List<TaskStatus> statuses, KindCheck kinds) {
    if (request == null) {
      throw nothing();
    }
    List<String> named = new ArrayList<>();
    named("metadata", request.metadata(), named);
    named("external_task_ids", request.externalTaskIds(), named);
    named("status", request.status(), named);
    named("kind", request.kind(), named);
    named("model", request.model(), named);
    named("created_after", request.createdAfter(), named);
    named("created_before", request.createdBefore(), named);
    List<TaskFilter.Label> labels = labels(request.metadata());
    List<String> ids = ids(request.externalTaskIds());
    if (named.isEmpty()) {
      throw nothing();
    }
    String status =
        Parameters.word(
            "status", request.status(), statuses.stream().map(TaskStatus::wireName).toList());
    return new TaskSelection(
        new TaskFilter(
            kinds.known(Parameters.text("kind", request.kind())),
            status == null ? null : TaskStatus.of(status),
            Parameters.text("model", request.model()),
            null,
            Parameters.time("created_after", request.createdAfter()),
            Parameters.time("created_before", request.createdBefore()),
            labels),
        ids,
        List.copyOf(named));
  }

  /** Refuses a kind that is none. */
  @FunctionalInterface
  interface KindCheck {
    @Nullable String known(@Nullable String kind);
  }

  /** What is given as empty selects nothing, and would be taken for all. */
  private static void named(String name, @Nullable Object given, List<String> named) {
    if (given == null) {
      return;
    }
    if (given instanceof String text && text.isEmpty()
        || given instanceof Map<?, ?> pairs && pairs.isEmpty()
        || given instanceof List<?> list && list.isEmpty()) {
      throw Parameters.invalid(name + " is empty; leave it out where it does not matter");
    }
    named.add(name);
  }

  private static List<TaskFilter.Label> labels(@Nullable Map<String, @Nullable String> pairs) {
    // As a submission has to have it.
    Metadata.field(pairs);
    return pairs == null
        ? List.of()
        : pairs.entrySet().stream()
            .map(pair -> new TaskFilter.Label(pair.getKey(), String.valueOf(pair.getValue())))
            .toList();
  }

  private static List<String> ids(@Nullable List<@Nullable String> ids) {
    if (ids == null) {
      return List.of();
    }
    if (ids.size() > MAX_IDS || ids.stream().anyMatch(Objects::isNull)) {
      throw Parameters.invalid("external_task_ids is a list of at most " + MAX_IDS + " texts");
    }
    return ids.stream()
        .map(id -> String.valueOf(Parameters.text("external_task_ids", id)))
        .distinct()
        .toList();
  }

  private static RuntimeException nothing() {
    return Parameters.invalid(
        "name at least one of metadata, external_task_ids, status, kind, model, created_after,"
            + " created_before");
  }

  /** The filter for tasks of one status. */
  TaskFilter of(TaskStatus status) {
    return new TaskFilter(
        filter.kind(),
        status,
        filter.model(),
        null,
        filter.createdAfter(),
        filter.createdBefore(),
        filter.labels());
  }
}
