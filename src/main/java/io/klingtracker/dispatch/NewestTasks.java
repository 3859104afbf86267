package io.klingtracker.dispatch;

import io.klingtracker.kling.KlingLists;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.rules.Kind;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Looks for a task in Kling's newest lists by the {@code external_task_id} we gave it. Asking by
 * that id is documented for every product of the legacy generation but proved for few, so there a
 * task counts as unknown to Kling only when its lists do not show it either.
 */
final class NewestTasks {

  private final KlingLists lists;
  private final int pages;

  NewestTasks(KlingLists lists, int pages) {
    this.lists = lists;
    this.pages = pages;
  }

  /** Found, not found on any of the newest pages, or no answer that says either. */
  CompletionStage<QueryAnswer> find(String account, Kind kind, String taskId) {
    return kind.dialect() == Kind.Dialect.NEWER ? notFound() : page(account, kind, taskId, 1);
  }

  private CompletionStage<QueryAnswer> page(String account, Kind kind, String taskId, int number) {
    if (number > pages) {
      return notFound();
    }
    return lists
        .page(account, "/v1/" + kind.path(), number)
        .thenCompose(
            answer -> {
              if (answer instanceof ListAnswer.NoAnswer none) {
                return CompletableFuture.completedFuture(new QueryAnswer.NoAnswer(none.reason()));
              }
              if (!(answer instanceof ListAnswer.Found found)) {
                // No list for this product: asking by our id is all the proof there is.
                return notFound();
              }
              for (KlingNews news : found.tasks()) {
                if (taskId.equals(news.externalTaskId())) {
                  return CompletableFuture.completedFuture(new QueryAnswer.Found(news));
                }
              }
              return found.tasks().size() < KlingLists.PAGE
                  ? notFound()
                  : page(account, kind, taskId, number + 1);
            });
  }

  private static CompletionStage<QueryAnswer> notFound() {
    return CompletableFuture.completedFuture(
        new QueryAnswer.NotFound("Kling neither finds nor lists it"));
  }
}
