package io.klingtracker.callback;

import io.klingtracker.database.GroupCommit;
import io.klingtracker.database.GroupCommitConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;

/** Stores receipts in groups; those of a task in the order in which they came. */
@Singleton
class ReceiptWriter {

  private static final Duration FULL = Duration.ofSeconds(1);

  private final ReceiptStore store;
  private final GroupCommit<Receipt, Boolean> groups;

  @Inject
  ReceiptWriter(ReceiptStore store, CallbackConfig config, GroupCommitConfig grouping) {
    this.store = store;
    this.groups =
        new GroupCommit<>(
            "callbacks",
            new GroupCommit.Bounds(
                grouping.enabled(), config.queue(), config.writers(), config.batch()),
            this::write);
  }

  /**
   * Stores a receipt.
   *
   * @return ends when it is durable, or with a {@link ProblemException} that says why it is not
   */
  CompletionStage<Void> keep(Receipt receipt) {
    return groups
        .add(receipt.taskId(), receipt)
        .thenAccept(
            kept -> {
              if (!kept) {
                throw new ProblemException(
                    ErrorCode.RATE_LIMITED, "too many different callbacks for this task", FULL);
              }
            });
  }

  @PreDestroy
  void close() {
    groups.close();
  }

  private List<Boolean> write(List<Receipt> receipts) {
    Map<String, Receipt> different = new LinkedHashMap<>();
    receipts.forEach(receipt -> different.merge(receipt.key(), receipt, Receipt::and));
    Set<String> kept = store.keep(different.values());
    return receipts.stream().map(receipt -> kept.contains(receipt.key())).toList();
  }
}
