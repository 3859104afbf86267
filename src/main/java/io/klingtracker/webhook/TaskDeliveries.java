package io.klingtracker.webhook;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One task's webhooks: what is to be delivered, and what was tried. */
@Singleton
public class TaskDeliveries {

  /** Of one task; it has a few changes. */
  private static final int MAX = 200;

  private final DeliveryQueries queries;

  @Inject
  TaskDeliveries(DeliveryQueries queries) {
    this.queries = queries;
  }

  /**
   * An attempt to notify the receiver.
   *
   * @param id of the delivery
   * @param at when it ended
   * @param status of the answer; null when there was none
   * @param error why it was no success, as a word
   * @param answer the beginning of it
   */
  public record Attempt(
      String id,
      Instant at,
      @Nullable Integer status,
      @Nullable String error,
      @Nullable String detail,
      int latencyMs,
      @Nullable String answer) {

    /** Whether the receiver took it. */
    public boolean delivered() {
      return error == null;
    }

    /** For people. */
    public String words() {
      return (status == null ? String.valueOf(error) : "status " + status)
          + " after "
          + latencyMs
          + " ms"
          + (detail == null ? "" : ", " + detail);
    }
  }

  /** Deliveries of a task, newest first. */
  public List<DeliveryView> of(String tenant, String taskId) {
    return queries.list(tenant, new DeliveryQueries.Filter(taskId, null, null, null), MAX).stream()
        .map(entry -> DeliveryView.of(entry, null))
        .toList();
  }

  /** Attempts of all deliveries of a task, newest first. */
  public List<Attempt> attempts(String tenant, String taskId) {
    return queries.attemptsOfTask(tenant, taskId, MAX);
  }
}
