package io.klingtracker.upstream;

import io.klingtracker.task.Task;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Tasks on their way to Kling: why each still waits, and for how long it may. */
public interface QueueView {

  /** A task by any of its ids, with its place as long as it waits in our queue. */
  Optional<TaskInQueue> find(String tenant, String id);

  /**
   * A task and its place.
   *
   * @param queueStatus null when it does not wait in our queue
   */
  record TaskInQueue(Task task, @Nullable QueueStatus queueStatus) {}

  /**
   * A task by any of its ids, with its place and what happens next, as of one moment. Says
   * something sensible of ended tasks too.
   */
  Optional<ExplainedTask> explain(String tenant, String id);

  /** A task and its place. */
  record ExplainedTask(Task task, QueueStatus queueStatus) {}

  /**
   * Withdraws a task, if nothing can have been sent for it. Durable when this returns; a dispatch
   * at the same time either finds no task any more or makes this return false.
   */
  boolean cancel(String taskId);

  /** Those of the tasks for which nothing was sent, as of now, oldest first. */
  List<String> waiting(List<String> taskIds);

  /** The same as {@link #cancel(String)} for several; how many were withdrawn. */
  int cancel(List<String> taskIds);

  /**
   * The place of a task in the queue, or what it waits for.
   *
   * @param reason why it is where it is, for people
   * @param next what happens next, or null when nothing does
   * @param nextAt when, if that is known
   * @param position place among the tenant's tasks for this model, 1 is next; null when it does not
   *     wait. Very long queues are not counted to the end.
   * @param positionIsAtLeast whether the queue before it was too long to count
   * @param estimatedDispatchAt when it should reach Kling, from recent render times
   * @param estimatedFinishAt when it should be rendered, from recent render times
   * @param deadlineAt not sent after this
   * @param attempts how often it was taken up to be sent or asked about
   */
  record QueueStatus(
      String reason,
      @Nullable String next,
      @Nullable Instant nextAt,
      @Nullable Integer position,
      boolean positionIsAtLeast,
      @Nullable Instant estimatedDispatchAt,
      @Nullable Instant estimatedFinishAt,
      @Nullable Instant deadlineAt,
      int attempts) {}
}
