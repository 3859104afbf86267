package io.klingtracker.upstream;

import io.klingtracker.secret.Secrets;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

/** The URL that Kling calls for one task, and the token in it that only Kling knows. */
@Singleton
public class CallbackTarget {

  private static final String PURPOSE = "callback-token";

  private final Secrets secrets;
  private final String base;

  @Inject
  CallbackTarget(Secrets secrets, UpstreamConfig config) {
    this.secrets = secrets;
    this.base = config.publicUrl().orElseThrow().toString().replaceAll("/+$", "");
  }

  /** {@code {tracker.public-url}/callbacks/kling/{task_id}/{token}}. */
  public String url(String taskId) {
    return base + "/callbacks/kling/" + taskId + "/" + secrets.token(PURPOSE, taskId);
  }

  /** Whether the token is this task's, under the current or a previous secret; constant time. */
  public boolean isToken(String taskId, String token) {
    return secrets.isToken(PURPOSE, taskId, token);
  }
}
