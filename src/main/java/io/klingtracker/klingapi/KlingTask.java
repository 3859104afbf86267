package io.klingtracker.klingapi;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A task as Kling shows it. Keys that Kling leaves out are left out. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonPropertyOrder({
  "task_id",
  "task_status",
  "task_status_msg",
  "task_info",
  "task_result",
  "final_unit_deduction",
  "final_balance_deduction",
  "created_at",
  "updated_at"
})
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record KlingTask(
    String taskId,
    String taskStatus,
    @Nullable String taskStatusMsg,
    Map<String, String> taskInfo,
    @JsonRawValue @Nullable String taskResult,
    @Nullable String finalUnitDeduction,
    @Nullable Map<String, String> finalBalanceDeduction,
    long createdAt,
    long updatedAt) {

  /** As the create answers: no result yet, both times the same. */
  static KlingTask created(String taskId, @Nullable String externalTaskId, Instant createdAt) {
    return new KlingTask(
        taskId,
        TaskStatus.SUBMITTED.klingWord(),
        null,
        info(externalTaskId),
        null,
        null,
        null,
        createdAt.toEpochMilli(),
        createdAt.toEpochMilli());
  }

  /** As a query answers. */
  static KlingTask of(Task task) {
    BigDecimal units = task.units();
    BigDecimal amount = task.amount();
    return new KlingTask(
        task.id(),
        task.status().klingWord(),
        message(task),
        info(task.externalTaskId()),
        task.result() == null ? "{}" : task.result(),
        units == null ? null : units.toPlainString(),
        amount == null ? null : Map.of("quota", amount.toPlainString()),
        task.createdAt().toEpochMilli(),
        task.updatedAt().toEpochMilli());
  }

  private static Map<String, String> info(@Nullable String externalTaskId) {
    return externalTaskId == null ? Map.of() : Map.of("external_task_id", externalTaskId);
  }

  private static String message(Task task) {
    if (task.statusMessage() != null) {
      return task.statusMessage();
    }
    return switch (task.status()) {
      case CANCELED -> "canceled";
      case EXPIRED -> "expired";
      default -> "";
    };
  }
}
