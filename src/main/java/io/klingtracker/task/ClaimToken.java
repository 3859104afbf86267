package io.klingtracker.task;

/**
 * A claim on a task's place in the dispatch queue, named by who settles it, so that a lost claim
 * settles nothing.
 *
 * @param owner the replica
 * @param attempts number of the claim
 */
public record ClaimToken(String owner, int attempts) {}
