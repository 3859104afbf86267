package io.klingtracker.dispatch;

import io.klingtracker.task.ClaimToken;
import io.klingtracker.task.UpstreamRef;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A task that this replica may bring to Kling, as long as it holds the claim.
 *
 * @param ref the task, and the account whose slot it holds
 * @param body the caller's body, until it is sent
 * @param bytes how long the body is
 * @param slotModel the model whose slots it takes
 * @param family what its slots are counted for
 * @param slots how many it takes
 * @param held by whom and as which claim; settling names it, so that a lost claim settles nothing
 * @param epoch of its pool's limit when it was claimed
 * @param sentAt when the newest create was about to leave
 * @param deadlineAt not to be sent after this
 * @param unnamed whether Kling keeps no id of ours of it, as the catalogue said when it was stored
 */
record Claim(
    UpstreamRef ref,
    @Nullable String body,
    int bytes,
    String slotModel,
    String family,
    int slots,
    ClaimToken held,
    int epoch,
    Instant sentAt,
    @Nullable Instant deadlineAt,
    boolean unnamed) {

  String taskId() {
    return ref.taskId();
  }

  String account() {
    return ref.account();
  }

  /** What Kling counts its slots for. */
  SlotPool pool() {
    return new SlotPool(account(), family, slotModel);
  }

  /** The create as its pool sees it. */
  PoolState.Sent sent() {
    return new PoolState.Sent(slots, epoch, sentAt);
  }

  /** The same claim without the body: memory that is not needed while Kling is waited for. */
  Claim withoutBody() {
    return new Claim(
        ref, null, bytes, slotModel, family, slots, held, epoch, sentAt, deadlineAt, unnamed);
  }
}
