package io.klingtracker.callback;

import io.klingtracker.task.TaskStatus;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** What the reconciler is to ask about, and by which name, because of what callbacks say. */
@Singleton
class ProofStore {

  private static final String ASK =
      "update open_task set next_check_at = least(next_check_at, :now) where task_id = :task";

  /**
   * Lets the reconciler ask at once. checks = 0 shows one that is asking just now that its answer
   * may be too old.
   */
  private static final String PROVE =
      """
      update open_task set
        lead_millis = coalesce(lead_millis,
          greatest(0, extract(epoch from next_check_at - cast(:received as timestamptz)) * 1000)::bigint),
        next_check_at = least(next_check_at, cast(:now as timestamptz)), checks = 0,
        proving = cast(:claimed as task_status), proofs = 0,
        ask_id = case
          when tracked then coalesce(ask_id, :named)
          -- Of what Kling keeps no id of ours of, Kling's own is the only one to ask by.
          when unnamed then :named
          else ask_id end
      where task_id = :task
      """;

  /** A task we had given up is watched again for the proof; it holds no slot. */
  private static final String PROVE_LATE =
      """
      insert into open_task (task_id, tenant_id, account, family, slots, next_check_at, proving, lead_millis, tracked,
        unnamed, ask_id)
      select t.id, t.tenant_id, t.account, 'none', 0, cast(:now as timestamptz), cast(:claimed as task_status), 0,
        t.tracked, coalesce(t.unnamed, false), :named
      from task t where t.id = :task and t.status = 'expired' and t.account is not null
      on conflict do nothing
      """;

  /** The first name at Kling that we receive for a task that another program submits. */
  private static final String LEARN =
      "update open_task set ask_id = :named where task_id = :task and tracked and ask_id is null";

  private final Jdbi jdbi;
  private final Clock clock;

  @Inject
  ProofStore(Jdbi jdbi, Clock clock) {
    this.jdbi = jdbi;
    this.clock = clock;
  }

  /** Has Kling asked soon, whatever it was that a callback said. */
  void ask(String taskId) {
    jdbi.useHandle(
        handle ->
            handle.createUpdate(ASK).bind("task", taskId).bind("now", clock.instant()).execute());
  }

  /**
   * Has Kling asked at once whether the task ended so; false when nobody asks about it (any more).
   */
  boolean prove(PendingCallback callback, TaskStatus claimed, @Nullable String named) {
    return prove(PROVE, callback, claimed, named) || prove(PROVE_LATE, callback, claimed, named);
  }

  private boolean prove(
      String statement, PendingCallback callback, TaskStatus claimed, @Nullable String named) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(statement)
                    .bind("task", callback.taskId())
                    .bind("claimed", claimed.wireName())
                    .bind("named", named)
                    .bind("received", callback.receivedAt())
                    .bind("now", clock.instant())
                    .execute())
        == 1;
  }

  /** See {@link #LEARN}. */
  void learn(String taskId, String named) {
    jdbi.useHandle(
        handle -> handle.createUpdate(LEARN).bind("task", taskId).bind("named", named).execute());
  }
}
