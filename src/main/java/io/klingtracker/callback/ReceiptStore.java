package io.klingtracker.callback;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;

/** Receipts of callbacks, and the little that a callback needs to know of its task. */
@Singleton
class ReceiptStore {

  private static final String KEEP =
      """
      insert into callback_receipt (task_id, body_hash, body, headers, signed, verdict, received_at)
      values (:task, :hash, :body, cast(:headers as json), :signed, :verdict, :now)
      on conflict on constraint callback_receipt_once
        do update set repeated = callback_receipt.repeated + 1, repeated_at = excluded.received_at
      """;

  private static final String ACCOUNT =
      """
      select coalesce(t.account, o.account) from task t left join open_task o on o.task_id = t.id where t.id = :task
      """;

  private static final String CHECK_NOW =
      """
      update open_task set next_check_at = least(next_check_at, cast(:now as timestamptz)), checks = 0
      where task_id = :task
      """;

  private final Jdbi jdbi;
  private final Clock clock;

  @Inject
  ReceiptStore(Jdbi jdbi, Clock clock) {
    this.jdbi = jdbi;
    this.clock = clock;
  }

  /** Durable when this returns; the same body for the same task again is counted. */
  void keep(String taskId, byte[] body, String headers, boolean signed, String verdict) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(KEEP)
                .bind("task", taskId)
                .bind("hash", sha256(body))
                .bind("body", body)
                .bind("headers", headers)
                .bind("signed", signed)
                .bind("verdict", verdict)
                .bind("now", clock.instant())
                .execute());
  }

  /** The account that runs the task, once there is one. */
  Optional<String> account(String taskId) {
    return jdbi.withHandle(
        handle -> handle.createQuery(ACCOUNT).bind("task", taskId).mapTo(String.class).findOne());
  }

  /** Moves the task's next check up to now; false when Kling is not asked about it (any more). */
  boolean checkNow(String taskId) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(CHECK_NOW)
                    .bind("task", taskId)
                    .bind("now", clock.instant())
                    .execute())
        == 1;
  }

  private static byte[] sha256(byte[] body) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(body);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is part of every JDK", e);
    }
  }
}
