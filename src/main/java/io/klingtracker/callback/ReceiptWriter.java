package io.klingtracker.callback;

import io.klingtracker.callback.ReceiptStore.Kept;
import io.klingtracker.database.GroupCommit;
import io.klingtracker.database.GroupCommitConfig;
import io.klingtracker.database.SqlStates;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.AppliedCallback;
import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.upstream.KlingWords;
import io.klingtracker.upstream.Reports;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.jboss.logging.Logger;

/**
 * Stores receipts in groups; those of a task in the order in which they came. A callback that is
 * certainly Kling's and moves its task without a second look does so in the same transaction; what
 * all others change is processed afterwards.
 */
@Singleton
class ReceiptWriter {

  /** Threads that store callbacks; those of one task share a thread. One fills its groups best. */
  static final int WRITERS = 1;

  /** Most callbacks stored in one statement. */
  static final int BATCH = 128;

  private static final Duration FULL = Duration.ofSeconds(1);

  private static final Logger LOG = Logger.getLogger(ReceiptWriter.class);

  private final ReceiptStore store;
  private final Tasks tasks;
  private final CallbackProcessor processor;
  private final CallbackConfig.Verify verify;
  private final GroupCommit<Receipt, Kept> groups;

  @Inject
  ReceiptWriter(
      ReceiptStore store,
      Tasks tasks,
      CallbackProcessor processor,
      CallbackConfig config,
      GroupCommitConfig grouping) {
    this(store, tasks, processor, config, grouping, WRITERS);
  }

  ReceiptWriter(
      ReceiptStore store,
      Tasks tasks,
      CallbackProcessor processor,
      CallbackConfig config,
      GroupCommitConfig grouping,
      int writers) {
    this.store = store;
    this.tasks = tasks;
    this.processor = processor;
    this.verify = config.verify();
    this.groups =
        new GroupCommit<>(
            "callbacks",
            new GroupCommit.Bounds(grouping.enabled(), config.queue(), writers, BATCH),
            this::write);
  }

  /**
   * Stores a receipt.
   *
   * @return ends when it is durable, with false when its task is no more and nothing was kept; or
   *     with a {@link ProblemException} that says why it is not
   */
  CompletionStage<Boolean> keep(Receipt receipt) {
    return groups
        .add(receipt.taskId(), receipt)
        .thenApply(
            kept -> {
              if (kept == Kept.REFUSED) {
                throw new ProblemException(
                    ErrorCode.RATE_LIMITED, "too many different callbacks for this task", FULL);
              }
              return kept == Kept.STORED;
            });
  }

  @PreDestroy
  void close() {
    groups.close();
  }

  private List<Kept> write(List<Receipt> receipts) {
    Map<String, Receipt> different = new LinkedHashMap<>();
    receipts.forEach(receipt -> different.merge(receipt.key(), receipt, Receipt::and));
    Map<String, Receipt> plain = plain(different.values());
    Map<String, Kept> kept = keep(different.values(), plain);
    return receipts.stream()
        .map(receipt -> kept.getOrDefault(receipt.key(), Kept.REFUSED))
        .toList();
  }

  private Map<String, Kept> keep(Collection<Receipt> receipts, Map<String, Receipt> plain) {
    if (plain.isEmpty()) {
      return keepOnly(receipts);
    }
    List<News> news = plain.values().stream().map(ReceiptWriter::news).toList();
    List<Reports.Report> moved = new ArrayList<>();
    Set<String> applied = new HashSet<>();
    try {
      Map<String, Kept> kept =
          tasks.applyAtOnce(
              news,
              callbacks -> {
                for (AppliedCallback one : callbacks) {
                  Receipt receipt = Objects.requireNonNull(plain.get(one.change().taskId()));
                  applied.add(receipt.key());
                  moved.add(report(receipt, one));
                }
                return store.keep(receipts, applied);
              });
      processor.applied(moved);
      if (applied.size() < receipts.size()) {
        processor.wake();
      }
      return kept;
    } catch (RuntimeException e) {
      if (SqlStates.isDatabaseAway(e) && !SqlStates.isLockTimeout(e)) {
        throw e;
      }
      // Storing must not fail for what one of them says: they are processed one by one.
      LOG.debugf("%d callbacks are not applied at once: %s", news.size(), e.getMessage());
      return keepOnly(receipts);
    }
  }

  private Map<String, Kept> keepOnly(Collection<Receipt> receipts) {
    Map<String, Kept> kept = store.keep(receipts, Set.of());
    processor.wake();
    return kept;
  }

  /**
   * Of those that are certainly Kling's word on the task that they were sent for: the first of each
   * task, by task.
   */
  private Map<String, Receipt> plain(Collection<Receipt> receipts) {
    Map<String, Receipt> first = new LinkedHashMap<>();
    receipts.forEach(receipt -> first.putIfAbsent(receipt.taskId(), receipt));
    first.values().removeIf(receipt -> !verify.trusts(receipt.signed()) || !isPlain(receipt));
    return first;
  }

  private static boolean isPlain(Receipt receipt) {
    KlingNews news = receipt.news();
    if (news == null || news.klingTaskId() == null || news.status() == KlingStatus.UNKNOWN) {
      return false;
    }
    String named = news.externalTaskId();
    return named == null || named.isEmpty() || named.equals(receipt.taskId());
  }

  private static News news(Receipt receipt) {
    // The plan of when to ask stays as it is: it was made from how long such renders take.
    return KlingWords.toNews(
            receipt.taskId(), Source.CALLBACK, Objects.requireNonNull(receipt.news()), null)
        .orElseThrow();
  }

  private static Reports.Report report(Receipt receipt, AppliedCallback applied) {
    return new Reports.Report(
        applied.task(),
        Source.CALLBACK,
        Objects.requireNonNull(receipt.news()),
        new Outcome.Moved(applied.change()),
        applied.leadMillis(),
        true);
  }
}
