package io.klingtracker.task;

import org.jspecify.annotations.Nullable;

/**
 * A task that a callback moved, and what is to be learnt from it.
 *
 * @param account the Kling account that runs it; empty while that is not known
 * @param leadMillis how much sooner the callback came than we would have asked
 */
public record AppliedCallback(
    TaskChanged change,
    String kind,
    @Nullable String upstreamModel,
    String account,
    long leadMillis) {}
