package io.klingtracker.dispatch;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.PassthroughAnswer;
import io.klingtracker.kling.QueryAnswer;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Kling as a script: answers as scripted, accepts when nothing is scripted, and writes down what
 * came.
 */
final class ScriptedKling implements KlingClient {

  private static final Pattern ID = Pattern.compile("task_[0-9a-z]{26}");

  final List<String> created = Collections.synchronizedList(new ArrayList<>());
  final List<String> accounts = Collections.synchronizedList(new ArrayList<>());
  final Deque<CreateAnswer> creates = new ArrayDeque<>();
  final Deque<QueryAnswer> queries = new ArrayDeque<>();
  final List<KlingNews> listed = new ArrayList<>();
  @Nullable Runnable onCreate;

  /** Tasks that are found when they are asked for by our id. */
  final Set<String> has = ConcurrentHashMap.newKeySet();

  /** What is answered about one task whatever it is; null: by {@link #queries}. */
  @Nullable QueryAnswer query;

  /** What lists and questions about several tasks are answered with; null: all that is listed. */
  @Nullable ListAnswer lists;

  boolean takesIds;

  static KlingNews news(String taskId) {
    return new KlingNews(
        String.valueOf(Math.abs((long) taskId.hashCode())),
        taskId,
        KlingStatus.SUBMITTED,
        "submitted",
        "",
        null,
        null,
        null,
        null);
  }

  @Override
  public synchronized CompletionStage<CreateAnswer> create(
      String account, String path, String body, Instant notAfter) {
    Matcher id = ID.matcher(body);
    String taskId = id.find() ? id.group() : "";
    created.add(taskId);
    accounts.add(account);
    if (onCreate != null) {
      onCreate.run();
    }
    CreateAnswer scripted = creates.poll();
    return CompletableFuture.completedFuture(
        scripted == null ? new CreateAnswer.Accepted(news(taskId)) : scripted);
  }

  @Override
  public synchronized CompletionStage<QueryAnswer> query(String account, String path) {
    Matcher id = ID.matcher(path);
    if (id.find() && has.contains(id.group())) {
      return CompletableFuture.completedFuture(new QueryAnswer.Found(news(id.group())));
    }
    QueryAnswer scripted = query != null ? query : queries.poll();
    return CompletableFuture.completedFuture(
        scripted == null ? new QueryAnswer.NotFound("Task not found") : scripted);
  }

  @Override
  public CompletionStage<PassthroughAnswer> forward(String account, String path, String body) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<ListAnswer> page(String account, String path, int page) {
    return CompletableFuture.completedFuture(
        lists != null ? lists : new ListAnswer.Found(List.copyOf(listed)));
  }

  @Override
  public CompletionStage<ListAnswer> created(
      String account, Instant from, Instant to, @Nullable String after) {
    return page(account, "/tasks", 1);
  }

  @Override
  public CompletionStage<ListAnswer> tasks(String account, Collection<String> ids) {
    return page(account, "/tasks", 1);
  }

  @Override
  public CompletionStage<ListAnswer> tasksByExternalId(String account, Collection<String> ids) {
    return page(account, "/tasks", 1);
  }

  @Override
  public boolean takesIds(String account) {
    return takesIds;
  }
}
