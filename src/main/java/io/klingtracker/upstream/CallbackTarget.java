package io.klingtracker.upstream;

import io.klingtracker.secret.Secrets;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.regex.Pattern;

/** The URL that Kling calls for one task, and the token in it that only Kling knows. */
@Singleton
public class CallbackTarget {

  private static final String PURPOSE = "callback-token";

  /** As JSON has it too, which may escape slashes. */
  private static final Pattern TOKEN =
      Pattern.compile("(callbacks\\\\?/kling\\\\?/[A-Za-z0-9_-]+\\\\?/)[A-Za-z0-9_-]+");

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

  /** A text in which no URL of ours has its token any more: whoever has it can speak as Kling. */
  public static String withoutTokens(String text) {
    return TOKEN.matcher(text).replaceAll("$1…");
  }

  /** Whether the token is this task's, under the current or a previous secret; constant time. */
  public boolean isToken(String taskId, String token) {
    return secrets.isToken(PURPOSE, taskId, token);
  }
}
