package io.klingtracker.task;

import org.jspecify.annotations.Nullable;

/**
 * A task as it runs at Kling: what decides how long it takes, whom to ask about it, and whose slot
 * it holds.
 *
 * @param kind its kind's name
 * @param model Kling's model name; null where the kind has none
 * @param account the Kling account that runs it; empty while that is not known
 */
public record UpstreamRef(String taskId, String kind, @Nullable String model, String account) {}
