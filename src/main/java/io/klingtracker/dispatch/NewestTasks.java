package io.klingtracker.dispatch;

import io.klingtracker.kling.KlingLists;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.rules.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Looks for a task in Kling's newest lists by the {@code external_task_id} we gave it. Asking by
 * that id is documented for every product but proved for few, so a task counts as unknown to Kling
 * only when its lists do not show it either.
 */
final class NewestTasks {

  /** Kling's clock may differ from ours by so much. */
  private static final Duration SKEW = Duration.ofMinutes(5);

  private final KlingLists lists;
  private final int pages;

  NewestTasks(KlingLists lists, int pages) {
    this.lists = lists;
    this.pages = pages;
  }

  /** Found, not found on any of the newest pages, or no answer that says either. */
  CompletionStage<QueryAnswer> find(Claim claim, Kind kind, Instant now) {
    return kind.dialect() == Kind.Dialect.NEWER ? since(claim, now, null, 1) : page(claim, kind, 1);
  }

  private CompletionStage<QueryAnswer> page(Claim claim, Kind kind, int number) {
    if (number > pages) {
      return notFound();
    }
    return lists
        .page(claim.account(), "/v1/" + kind.path(), number)
        .thenCompose(
            answer ->
                look(
                    claim,
                    answer,
                    found ->
                        found.tasks().size() < KlingLists.PAGE
                            ? notFound()
                            : page(claim, kind, number + 1)));
  }

  /** All that was created since the create left. */
  private CompletionStage<QueryAnswer> since(
      Claim claim, Instant now, @Nullable String after, int number) {
    if (number > pages) {
      return notFound();
    }
    return lists
        .created(claim.account(), claim.sentAt().minus(SKEW), now, after)
        .thenCompose(
            answer ->
                look(
                    claim,
                    answer,
                    found ->
                        found.next() == null
                            ? notFound()
                            : since(claim, now, found.next(), number + 1)));
  }

  private static CompletionStage<QueryAnswer> look(
      Claim claim,
      ListAnswer answer,
      Function<ListAnswer.Found, CompletionStage<QueryAnswer>> further) {
    if (answer instanceof ListAnswer.NoAnswer none) {
      return CompletableFuture.completedFuture(new QueryAnswer.NoAnswer(none.reason()));
    }
    if (!(answer instanceof ListAnswer.Found found)) {
      // No list for this product: asking by our id is all the proof there is.
      return notFound();
    }
    for (KlingNews news : found.tasks()) {
      if (claim.taskId().equals(news.externalTaskId())) {
        return CompletableFuture.completedFuture(new QueryAnswer.Found(news));
      }
    }
    return further.apply(found);
  }

  private static CompletionStage<QueryAnswer> notFound() {
    return CompletableFuture.completedFuture(
        new QueryAnswer.NotFound("Kling neither finds nor lists it"));
  }
}
