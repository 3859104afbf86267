package io.klingtracker.kling;

import java.time.Instant;
import java.util.Collection;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * Kling as we use it, for one task or many at once. No call blocks; each stage ends within the
 * configured time limits and never exceptionally.
 */
public interface KlingClient {

  /** Kling's largest page of a list, of tasks or deductions. */
  int PAGE = 500;

  /** The most ids that Kling takes in one question. */
  int MAX_IDS = 20;

  /**
   * Sends a create, once.
   *
   * @param account name of a configured account
   * @param path Kling's path, for example {@code /v1/videos/text2video}
   * @param body the JSON body
   * @param notAfter when this has passed before the request could leave, it does not leave
   */
  CompletionStage<CreateAnswer> create(String account, String path, String body, Instant notAfter);

  /**
   * Asks for one task.
   *
   * @param account name of a configured account
   * @param path Kling's path with the id in it, Kling's own or the {@code external_task_id} given
   *     at the create
   */
  CompletionStage<QueryAnswer> query(String account, String path);

  /**
   * Forwards a call that makes no task and is answered at once.
   *
   * @param account name of a configured account
   * @param path Kling's path
   * @param body the JSON body; null for a GET
   */
  CompletionStage<PassthroughAnswer> forward(String account, String path, @Nullable String body);

  /**
   * One page of an account's tasks of one kind, in whatever order Kling has them.
   *
   * @param account name of a configured account
   * @param path Kling's path of the kind, for example {@code /v1/videos/text2video}
   * @param page from 1
   */
  CompletionStage<ListAnswer> page(String account, String path, int page);

  /**
   * Tasks of any kind by Kling's ids; the account must {@link #takesIds}.
   *
   * @param ids {@link #MAX_IDS} at the most
   */
  CompletionStage<ListAnswer> tasks(String account, Collection<String> ids);

  /** The same by the {@code external_task_id} given at the create. */
  CompletionStage<ListAnswer> tasksByExternalId(String account, Collection<String> ids);

  /**
   * One page of an account's tasks of all kinds by the time of their creation, in whatever order
   * Kling has them; the account must {@link #takesIds}.
   *
   * @param after where the page begins, as the one before it said; null for the first
   */
  CompletionStage<ListAnswer> created(
      String account, Instant from, Instant to, @Nullable String after);

  /** Whether the account has the API key that these questions need. */
  boolean takesIds(String account);
}
