package io.klingtracker.task;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.time.Rfc3339;
import java.math.BigDecimal;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A task as we show it, on {@code GET /v1/tasks/{id}} and as its latest state on Kafka. Every key
 * is always there.
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record TaskView(
    String taskId,
    @Nullable String externalTaskId,
    @Nullable String klingTaskId,
    String kind,
    @Nullable String model,
    @Nullable String upstreamModel,
    @Nullable String account,
    String status,
    @Nullable String statusMessage,
    @Nullable Integer errorCode,
    @Nullable String errorClass,
    @Nullable Boolean retryable,
    boolean late,
    int sequence,
    @Schema(type = SchemaType.OBJECT) @JsonRawValue @Nullable String result,
    @Nullable BigDecimal units,
    @Nullable BigDecimal unitsExpected,
    @Nullable Cost cost,
    @Nullable String callbackUrl,
    @Schema(
            type = SchemaType.OBJECT,
            additionalProperties = String.class,
            description = "what the caller keeps with it")
        @JsonRawValue
        @Nullable String metadata,
    String createdAt,
    @Nullable String dispatchedAt,
    String updatedAt,
    @Nullable String finishedAt,
    @Nullable String resultExpiresAt,
    @Schema(description = "where its result's content is, in our keeping or Kling's")
        @Nullable String custodyUrl,
    @Schema(
            type = SchemaType.ARRAY,
            implementation = KeptResult.class,
            description = "copies of its results")
        @JsonRawValue
        @Nullable String results,
    @Nullable Integer queuePosition,
    @Nullable String estimatedDispatchAt,
    @Nullable String estimatedFinishAt) {

  /**
   * A copy of one of a task's results; as JSON it is written where it is stored.
   *
   * @param index which of them, from 0
   * @param type media type
   * @param sha256 of the bytes, in hex
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record KeptResult(int index, String type, long bytes, String sha256, String keptAt) {}

  /** What is shown of a task. */
  public static TaskView of(Task task) {
    return of(task, null, null, null);
  }

  /** With its place in the queue, where that was asked for. */
  public static TaskView of(
      Task task,
      @Nullable Integer queuePosition,
      @Nullable Instant estimatedDispatchAt,
      @Nullable Instant estimatedFinishAt) {
    return new TaskView(
        task.id(),
        task.externalTaskId(),
        task.klingTaskId(),
        task.kind(),
        task.model(),
        task.upstreamModel(),
        task.account(),
        task.status().wireName(),
        task.statusMessage(),
        task.errorCode(),
        task.errorClass(),
        task.retryable(),
        task.late(),
        task.sequence(),
        task.result(),
        task.units(),
        task.unitsExpected(),
        Cost.of(task),
        task.callbackUrl(),
        task.metadata(),
        Rfc3339.format(task.createdAt()),
        time(task.dispatchedAt()),
        Rfc3339.format(task.updatedAt()),
        time(task.finishedAt()),
        time(task.resultExpiresAt()),
        task.custodyUrl(),
        task.results(),
        queuePosition,
        time(estimatedDispatchAt),
        time(estimatedFinishAt));
  }

  private static @Nullable String time(@Nullable Instant time) {
    return time == null ? null : Rfc3339.format(time);
  }
}
