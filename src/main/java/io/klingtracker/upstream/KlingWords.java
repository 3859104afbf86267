package io.klingtracker.upstream;

import io.klingtracker.kling.Charge;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.task.Cost;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Kling's words as news of one of our tasks. */
public final class KlingWords {

  private KlingWords() {}

  /**
   * Translates.
   *
   * @param taskId our id of the task that the words are about
   * @param nextCheckAt when to ask if nothing more is received
   * @return empty for a status word that we do not know
   */
  public static Optional<News> toNews(
      String taskId, Source source, KlingNews news, @Nullable Instant nextCheckAt) {
    return signal(news)
        .map(
            signal ->
                new News(
                    taskId,
                    source,
                    signal,
                    news.klingTaskId(),
                    cost(news.charge()),
                    nextCheckAt,
                    news.word()));
  }

  private static @Nullable Cost cost(@Nullable Charge charge) {
    return charge == null ? null : Cost.charged(charge.units(), charge.amount(), charge.currency());
  }

  private static Optional<TaskSignal> signal(KlingNews news) {
    return switch (news.status()) {
      case SUBMITTED -> Optional.of(new TaskSignal.Submitted());
      case PROCESSING -> Optional.of(new TaskSignal.Processing());
      case SUCCEED -> Optional.of(new TaskSignal.Succeed(news.result()));
      case FAILED -> Optional.of(new TaskSignal.Failed(null, news.message()));
      case UNKNOWN -> Optional.empty();
    };
  }

  /**
   * The status of ours that a word of Kling's means.
   *
   * @throws IllegalArgumentException for a word that we do not know
   */
  public static TaskStatus status(KlingStatus status) {
    return switch (status) {
      case SUBMITTED -> TaskStatus.SUBMITTED;
      case PROCESSING -> TaskStatus.PROCESSING;
      case SUCCEED -> TaskStatus.SUCCEED;
      case FAILED -> TaskStatus.FAILED;
      case UNKNOWN -> throw new IllegalArgumentException("an unknown word means no status");
    };
  }
}
