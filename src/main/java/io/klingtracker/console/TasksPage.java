package io.klingtracker.console;

import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.time.Rfc3339;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A list of tasks.
 *
 * @param notFound the id that was searched for and is no task's; null when none was
 * @param next the link to the next page; null on the last
 * @param url under which the service is reached, for what is to be copied
 */
public record TasksPage(
    Search search, List<Row> rows, @Nullable String notFound, @Nullable String next, String url) {

  /**
   * A task in the list.
   *
   * @param queued from its submission until Kling had it, or until now
   * @param render from then until its end, or until now
   */
  public record Row(
      String id,
      String path,
      String status,
      @Nullable String externalTaskId,
      String kind,
      @Nullable String model,
      String createdAt,
      String queued,
      String render,
      String cost,
      @Nullable String error) {

    static Row of(Task task, Instant now) {
      Instant end = Objects.requireNonNullElse(task.finishedAt(), now);
      Instant dispatched = task.dispatchedAt();
      String error =
          task.errorCode() == null ? task.errorClass() : task.errorCode() + " " + task.errorClass();
      return new Row(
          task.id(),
          "/console/tasks/" + task.id(),
          task.status().wireName(),
          task.externalTaskId(),
          task.kind(),
          task.model(),
          Rfc3339.format(task.createdAt()),
          Shown.between(task.createdAt(), dispatched == null ? end : dispatched),
          Shown.between(dispatched, end),
          Shown.cost(task),
          error);
    }
  }

  /** The words of a status, for the list beside the search. */
  public List<String> statuses() {
    return Arrays.stream(TaskStatus.values()).map(TaskStatus::wireName).toList();
  }

  /** The list of one status alone. */
  public String of(String status) {
    return "/console/tasks?q=" + Shown.encoded("status:" + status);
  }

  /** Of a first task. */
  public String body() {
    return "{\"model_name\":\"kling-v3\",\"prompt\":\"a red kite over the sea\"}";
  }
}
