package io.klingtracker.task;

/**
 * A committed change of status.
 *
 * @param taskId whose
 * @param tenant the owner
 * @param sequence number of the change, from 1
 * @param status the new status
 * @param webhook whether a delivery to the task's webhook was planned with it
 */
public record TaskChanged(
    String taskId, String tenant, int sequence, TaskStatus status, boolean webhook) {}
