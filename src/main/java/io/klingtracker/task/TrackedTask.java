package io.klingtracker.task;

import org.jspecify.annotations.Nullable;

/**
 * A task that another program submits to Kling itself, and that we only watch.
 *
 * @param tenant the owner
 * @param kind for example {@code text2video}
 * @param account the Kling account that it runs on
 * @param klingTaskId Kling's id, when it is known already
 * @param externalTaskId the id that the other program gives to Kling
 * @param model Kling's model name, when the caller tells
 * @param family which of Kling's slot counts it falls under
 */
public record TrackedTask(
    String tenant,
    String kind,
    String account,
    @Nullable String klingTaskId,
    @Nullable String externalTaskId,
    @Nullable String model,
    String family) {}
