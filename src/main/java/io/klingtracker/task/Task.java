package io.klingtracker.task;

import io.klingtracker.database.Rows;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A task as it is read; {@link TaskStore}'s statements alone write it.
 *
 * @param id our public id
 * @param tenant the owner
 * @param kind for example {@code text2video}
 * @param externalTaskId the caller's own id
 * @param model the public model name
 * @param upstreamModel Kling's model name
 * @param account the Kling account that runs it; null until dispatch
 * @param klingTaskId Kling's id; null until Kling accepted it
 * @param callbackUrl where the caller is notified
 * @param metadata the caller's own pairs, JSON text; null for none
 * @param status its status
 * @param sequence number of its changes so far
 * @param statusMessage why it has that status, when there is something to say
 * @param errorCode Kling's error code, when it failed with one
 * @param errorClass what its failure was, see {@link io.klingtracker.catalog.ErrorClass}
 * @param retryable whether the same request may succeed another time; null where nobody knows
 * @param late whether Kling's word came after we had given the task up
 * @param result Kling's whole {@code task_result}, JSON text
 * @param unitsExpected what it should cost by the price table
 * @param amountExpected what that was by the list when it was submitted
 * @param units what Kling deducted
 * @param amount what Kling took where it took money
 * @param currency of both amounts
 * @param createdAt when we stored it
 * @param dispatchedAt when we learnt that Kling has it
 * @param updatedAt when it last changed
 * @param finishedAt when it ended
 * @param resultExpiresAt when Kling clears the result
 * @param custodyUrl where callers get the result's content; null where results were not copied
 * @param results the copies of the result, JSON text as callers see it; null before there are any
 */
public record Task(
    String id,
    String tenant,
    String kind,
    @Nullable String externalTaskId,
    @Nullable String model,
    @Nullable String upstreamModel,
    @Nullable String account,
    @Nullable String klingTaskId,
    @Nullable String callbackUrl,
    @Nullable String metadata,
    TaskStatus status,
    int sequence,
    @Nullable String statusMessage,
    @Nullable Integer errorCode,
    @Nullable String errorClass,
    @Nullable Boolean retryable,
    boolean late,
    @Nullable String result,
    @Nullable BigDecimal unitsExpected,
    @Nullable BigDecimal amountExpected,
    @Nullable BigDecimal units,
    @Nullable BigDecimal amount,
    @Nullable String currency,
    Instant createdAt,
    @Nullable Instant dispatchedAt,
    Instant updatedAt,
    @Nullable Instant finishedAt,
    @Nullable Instant resultExpiresAt,
    @Nullable String custodyUrl,
    @Nullable String results) {

  /** The columns that {@link #of} reads, of table {@code task} under the name {@code t}. */
  public static final String COLUMNS =
      """
      t.id, t.tenant_id, t.kind, t.external_task_id, t.model, t.upstream_model, t.account, t.kling_task_id,
      t.callback_url, t.metadata::text as metadata, t.status::text as status, t.sequence, t.status_message, t.error_code,
      t.error_class, t.retryable, t.amount_expected, t.amount, t.currency,
      t.previous_status is not distinct from 'expired' as late, t.result::text as result, t.units_expected, t.units,
      t.created_at, t.dispatched_at, t.updated_at, t.finished_at, t.result_expires_at,
      t.custody_url, t.results::text as results
      """;

  /** Reads {@link #COLUMNS}. */
  public static Task of(ResultSet row) throws SQLException {
    return new Task(
        row.getString("id"),
        row.getString("tenant_id"),
        row.getString("kind"),
        row.getString("external_task_id"),
        row.getString("model"),
        row.getString("upstream_model"),
        row.getString("account"),
        row.getString("kling_task_id"),
        row.getString("callback_url"),
        row.getString("metadata"),
        TaskStatus.of(row.getString("status")),
        row.getInt("sequence"),
        row.getString("status_message"),
        row.getObject("error_code", Integer.class),
        row.getString("error_class"),
        row.getObject("retryable", Boolean.class),
        row.getBoolean("late"),
        row.getString("result"),
        row.getBigDecimal("units_expected"),
        row.getBigDecimal("amount_expected"),
        row.getBigDecimal("units"),
        row.getBigDecimal("amount"),
        row.getString("currency"),
        Rows.instant(row, "created_at"),
        Rows.instantOrNull(row, "dispatched_at"),
        Rows.instant(row, "updated_at"),
        Rows.instantOrNull(row, "finished_at"),
        Rows.instantOrNull(row, "result_expires_at"),
        row.getString("custody_url"),
        row.getString("results"));
  }
}
