package io.klingtracker.kling;

import java.util.concurrent.CompletionStage;

/**
 * Kling as we use it. No call blocks; each stage ends within the configured time limits and never
 * exceptionally.
 */
public interface KlingClient {

  /**
   * Sends a create, once.
   *
   * @param account name of a configured account
   * @param path Kling's path without {@code /v1/}, for example {@code videos/text2video}
   * @param body the JSON body
   */
  CompletionStage<CreateAnswer> create(String account, String path, String body);

  /**
   * Asks for one task.
   *
   * @param account name of a configured account
   * @param path Kling's path without {@code /v1/}
   * @param id Kling's task id, or the {@code external_task_id} given at the create
   */
  CompletionStage<QueryAnswer> query(String account, String path, String id);
}
