package io.klingtracker.task;

/** What a piece of news did. */
public sealed interface Outcome {

  /** It moved the task; the event is committed. */
  record Moved(TaskChanged change) implements Outcome {}

  /**
   * It changed nothing, and the timeline says so.
   *
   * @param status its status
   * @param reason {@code repeated}, {@code older}, {@code contradicts} or {@code other-task}
   */
  record Ignored(TaskStatus status, String reason) implements Outcome {}

  /** Another transaction holds the task and the caller did not want to wait; nothing was done. */
  record Busy() implements Outcome {}

  /** There is no such task. */
  record NoSuchTask() implements Outcome {}
}
