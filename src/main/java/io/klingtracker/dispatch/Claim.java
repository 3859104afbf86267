package io.klingtracker.dispatch;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A task that this replica may bring to Kling, as long as it holds the lease.
 *
 * @param taskId the task
 * @param kind its kind's name
 * @param body the caller's body
 * @param upstreamModel Kling's model name
 * @param account the account whose slot it holds
 * @param attempts number of this claim; settling names it, so that a lost lease settles nothing
 * @param sentBefore when an earlier create left that may have arrived; null for a first try
 */
record Claim(
    String taskId,
    String kind,
    String body,
    @Nullable String upstreamModel,
    String account,
    int attempts,
    @Nullable Instant sentBefore) {}
