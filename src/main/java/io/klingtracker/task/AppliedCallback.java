package io.klingtracker.task;

/**
 * A task that a callback moved, and what is to be learnt from it.
 *
 * @param leadMillis how much sooner the callback came than we would have asked
 */
public record AppliedCallback(TaskChanged change, UpstreamRef task, long leadMillis) {}
