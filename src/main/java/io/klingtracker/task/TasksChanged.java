package io.klingtracker.task;

import java.util.List;

/**
 * Fired in process, after the commit, so that loops need not wait for their poll. Losing one costs
 * a poll, no more.
 */
public record TasksChanged(List<TaskChanged> changes) {

  /** Whether any of them is a new task that waits for dispatch. */
  public boolean queued() {
    return changes.stream().anyMatch(change -> change.status() == TaskStatus.QUEUED);
  }

  /** Whether any of them ended a task, which may free a slot. */
  public boolean ended() {
    return changes.stream().anyMatch(change -> change.status().isFinal());
  }

  /** Whether any of them is to be delivered to a webhook. */
  public boolean webhooks() {
    return changes.stream().anyMatch(TaskChanged::webhook);
  }
}
