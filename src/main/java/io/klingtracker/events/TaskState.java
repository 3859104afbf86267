package io.klingtracker.events;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskView;

/** A task as it is now, as the topic of latest states has it: for readers of all tenants. */
record TaskState(@JsonUnwrapped TaskView task, String tenant) {

  static TaskState of(Task task) {
    return new TaskState(TaskView.of(task), task.tenant());
  }
}
