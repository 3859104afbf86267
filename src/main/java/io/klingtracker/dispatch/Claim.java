package io.klingtracker.dispatch;

import io.klingtracker.task.ClaimToken;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A task that this replica may bring to Kling, as long as it holds the claim.
 *
 * @param taskId the task
 * @param kind its kind's name
 * @param body the caller's body, until it is sent
 * @param bytes how long the body is
 * @param upstreamModel Kling's model name
 * @param slotModel the model whose slots it takes
 * @param family what its slots are counted for
 * @param slots how many it takes
 * @param account the account whose slot it holds
 * @param held by whom and as which claim; settling names it, so that a lost claim settles nothing
 * @param epoch of its pool's limit when it was claimed
 * @param sentAt when the newest create was about to leave
 * @param deadlineAt not to be sent after this
 */
record Claim(
    String taskId,
    String kind,
    @Nullable String body,
    int bytes,
    @Nullable String upstreamModel,
    String slotModel,
    String family,
    int slots,
    String account,
    ClaimToken held,
    int epoch,
    Instant sentAt,
    @Nullable Instant deadlineAt) {

  /** What Kling counts its slots for. */
  SlotPool pool() {
    return new SlotPool(account, family, slotModel);
  }

  /** The create as its pool sees it. */
  PoolState.Sent sent() {
    return new PoolState.Sent(slots, epoch, sentAt);
  }

  /** The same claim without the body: memory that is not needed while Kling is waited for. */
  Claim withoutBody() {
    return new Claim(
        taskId,
        kind,
        null,
        bytes,
        upstreamModel,
        slotModel,
        family,
        slots,
        account,
        held,
        epoch,
        sentAt,
        deadlineAt);
  }
}
