package io.klingtracker.task;

/**
 * A committed change of status.
 *
 * @param taskId whose
 * @param tenant the owner
 * @param sequence number of the change, from 1
 * @param status the new status
 */
public record TaskChanged(String taskId, String tenant, int sequence, TaskStatus status) {}
