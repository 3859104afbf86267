package io.klingtracker.reconcile;

import io.klingtracker.catalog.Kind;
import io.klingtracker.kling.KlingIds;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.upstream.Doubts.Doubt;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A task that Kling is to be asked about.
 *
 * @param tenant whose it is
 * @param klingTaskId Kling's id, by which it is asked for; null as long as none is known
 * @param idStored whether the task itself shows that id already
 * @param tracked whether another program submitted it
 * @param askId the id to ask for while Kling's own is not known; null: our own
 * @param proving the end that an unproved callback claims, if there is one
 * @param proofs how often Kling was asked about that
 * @param leadMillis how early the callback of the end was, if there was one
 * @param startedAt when Kling accepted it, as far as we know, or it was sent
 * @param updatedAt when it last changed, or was sent
 * @param checks how often it was asked about since Kling last spoke of it, this time included
 * @param aside whether what Kling says of it cannot be applied: it is not asked about, and expires
 * @param doubt the create of which nobody knows whether Kling accepted it, if there is one
 * @param claimedAt Kling is asked after this
 */
record Check(
    UpstreamRef ref,
    String tenant,
    @Nullable String klingTaskId,
    boolean idStored,
    boolean tracked,
    @Nullable String askId,
    TaskStatus status,
    @Nullable TaskStatus proving,
    int proofs,
    @Nullable Long leadMillis,
    Instant startedAt,
    Instant updatedAt,
    int checks,
    boolean aside,
    @Nullable Doubt doubt,
    Instant claimedAt) {

  /**
   * Questions about a tracked task that Kling has not spoken of; after these it counts as unknown.
   */
  static final int TRUSTED_CHECKS = 2;

  Urgency urgency() {
    if (proving != null || doubt != null) {
      return Urgency.PROOF;
    }
    return neverSpokenOf() && checks > TRUSTED_CHECKS ? Urgency.UNKNOWN : Urgency.USUAL;
  }

  /** Whether nothing has shown yet that there is such a task at Kling. */
  boolean neverSpokenOf() {
    return tracked && status == TaskStatus.QUEUED;
  }

  /** What Kling calls our own id of the task; null when it has none that we know. */
  @Nullable String ownId() {
    return tracked ? askId : doubt != null && doubt.isUnnamed() ? null : taskId();
  }

  /** Whether Kling has no id by which it could be asked for this create in doubt. */
  boolean isUnnamed() {
    return doubt != null && doubt.isUnnamed() && klingTaskId == null;
  }

  /** Whether there is an id to ask for, of which no gateway makes another path. */
  boolean canBeAsked() {
    String id = klingTaskId != null ? klingTaskId : ownId();
    return !aside && id != null && KlingIds.canBeAsked(id);
  }

  /** Kling's path to ask for this one task. */
  String queryPath(Kind of) {
    String own = ownId();
    return klingTaskId != null || own == null
        ? of.queryPath(String.valueOf(klingTaskId))
        : of.queryByOwnIdPath(own);
  }

  String taskId() {
    return ref.taskId();
  }

  String kind() {
    return ref.kind();
  }

  String account() {
    return ref.account();
  }
}
