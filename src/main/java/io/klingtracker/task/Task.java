package io.klingtracker.task;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.math.BigDecimal;
import java.time.Instant;
import org.hibernate.annotations.ColumnTransformer;
import org.hibernate.annotations.Immutable;
import org.jspecify.annotations.Nullable;

/**
 * A task as it is read. It is written by {@link TaskStore}'s statements alone, which is why it has
 * no setters.
 */
@Entity
@Immutable
@Table(name = "task")
public class Task {

  @Id private String id;

  @Column(name = "tenant_id")
  private String tenant;

  private String kind;

  @Column(name = "external_task_id")
  private @Nullable String externalTaskId;

  private @Nullable String model;

  @Column(name = "upstream_model")
  private @Nullable String upstreamModel;

  private @Nullable String account;

  @Column(name = "kling_task_id")
  private @Nullable String klingTaskId;

  @Column(name = "callback_url")
  private @Nullable String callbackUrl;

  @Column(columnDefinition = "task_status")
  @ColumnTransformer(read = "status::text")
  private TaskStatus status;

  private int sequence;

  @Column(name = "status_message")
  private @Nullable String statusMessage;

  @Column(name = "error_code")
  private @Nullable Integer errorCode;

  private boolean late;

  @Column(columnDefinition = "json")
  @ColumnTransformer(read = "result::text")
  private @Nullable String result;

  @Column(name = "units_expected")
  private @Nullable BigDecimal unitsExpected;

  private @Nullable BigDecimal units;

  @Column(name = "created_at")
  private Instant createdAt;

  @Column(name = "dispatched_at")
  private @Nullable Instant dispatchedAt;

  @Column(name = "updated_at")
  private Instant updatedAt;

  @Column(name = "finished_at")
  private @Nullable Instant finishedAt;

  @Column(name = "result_expires_at")
  private @Nullable Instant resultExpiresAt;

  /** For Hibernate. */
  protected Task() {}

  /** Our public id. */
  public String id() {
    return id;
  }

  /** The owner. */
  public String tenant() {
    return tenant;
  }

  /** For example {@code text2video}. */
  public String kind() {
    return kind;
  }

  /** The caller's own id. */
  public @Nullable String externalTaskId() {
    return externalTaskId;
  }

  /** The public model name. */
  public @Nullable String model() {
    return model;
  }

  /** Kling's model name. */
  public @Nullable String upstreamModel() {
    return upstreamModel;
  }

  /** The Kling account that runs it; null until dispatch. */
  public @Nullable String account() {
    return account;
  }

  /** Kling's id; null until Kling accepted it. */
  public @Nullable String klingTaskId() {
    return klingTaskId;
  }

  /** Where the caller is told. */
  public @Nullable String callbackUrl() {
    return callbackUrl;
  }

  /** Where it stands. */
  public TaskStatus status() {
    return status;
  }

  /** Number of its changes so far. */
  public int sequence() {
    return sequence;
  }

  /** Why it stands there, when there is something to say. */
  public @Nullable String statusMessage() {
    return statusMessage;
  }

  /** Kling's error code, when it failed with one. */
  public @Nullable Integer errorCode() {
    return errorCode;
  }

  /** Whether Kling's word came after we had given the task up. */
  public boolean late() {
    return late;
  }

  /** Kling's whole {@code task_result}, JSON text. */
  public @Nullable String result() {
    return result;
  }

  /** What it should cost by the price table. */
  public @Nullable BigDecimal unitsExpected() {
    return unitsExpected;
  }

  /** What Kling deducted. */
  public @Nullable BigDecimal units() {
    return units;
  }

  /** When we stored it. */
  public Instant createdAt() {
    return createdAt;
  }

  /** When we learnt that Kling has it. */
  public @Nullable Instant dispatchedAt() {
    return dispatchedAt;
  }

  /** When it last changed. */
  public Instant updatedAt() {
    return updatedAt;
  }

  /** When it ended. */
  public @Nullable Instant finishedAt() {
    return finishedAt;
  }

  /** When Kling clears the result. */
  public @Nullable Instant resultExpiresAt() {
    return resultExpiresAt;
  }
}
