package io.klingtracker.simulator;

import io.vertx.core.Future;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One task at the simulated Kling: what was ordered, and how far it is. Guarded by the book. */
final class SimulatedTask {

  /**
   * What was settled when the task was accepted, its whole fate included.
   *
   * @param processingAt when it starts, ms
   * @param endsAt when it ends, ms
   * @param outcome {@code succeed} or {@code failed}
   * @param message why it failed, or empty
   * @param seconds ordered seconds of video
   * @param prompt the whole text; null in a journal of before
   */
  record Order(
      String id,
      String resultId,
      String account,
      String path,
      String model,
      int slots,
      int count,
      @Nullable String externalId,
      @Nullable String callbackUrl,
      boolean watermark,
      double seconds,
      BigDecimal units,
      long createdAt,
      long processingAt,
      long endsAt,
      String outcome,
      String message,
      @Nullable String prompt) {

    Product product() {
      return Product.of(path).orElseThrow();
    }

    String slotKey() {
      return account + "/" + product().family() + "/" + model;
    }
  }

  final Order order;
  String status = "submitted";
  String message = "";
  long updatedAt;

  /** Whether the last status was called back, or needs no call. */
  boolean calledBack;

  /** What the task's next callback waits for. */
  Future<?> lastCallback = Future.succeededFuture();

  /** Callbacks held back until the next one is out. */
  final List<Runnable> heldBack = new ArrayList<>();

  SimulatedTask(Order order) {
    this.order = order;
    this.updatedAt = order.createdAt();
  }

  boolean isFinal() {
    return status.equals("succeed") || status.equals("failed");
  }
}
