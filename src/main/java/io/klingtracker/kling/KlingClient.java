package io.klingtracker.kling;

import java.time.Instant;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * Kling as we use it. No call blocks; each stage ends within the configured time limits and never
 * exceptionally.
 */
public interface KlingClient {

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
   * Passes a call on that makes no task and is answered at once.
   *
   * @param account name of a configured account
   * @param path Kling's path
   * @param body the JSON body; null for a GET
   */
  CompletionStage<PassthroughAnswer> pass(String account, String path, @Nullable String body);
}
