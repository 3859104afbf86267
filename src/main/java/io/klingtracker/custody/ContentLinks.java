package io.klingtracker.custody;

import io.klingtracker.secret.Secrets;
import io.klingtracker.task.ContentBase;
import io.klingtracker.upstream.UpstreamConfig;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The URLs of tasks' content: for who has a key, and signed ones for anybody, for a time. */
@Singleton
class ContentLinks implements ContentBase {

  /** How long a signed link works. */
  static final Duration LIFE = Duration.ofHours(1);

  private static final String PURPOSE = "content-link";

  private final Secrets secrets;
  private final Clock clock;
  private final String base;
  private final boolean kept;

  @Inject
  ContentLinks(Secrets secrets, UpstreamConfig upstream, CustodyConfig custody, Clock clock) {
    this.secrets = secrets;
    this.clock = clock;
    this.base = upstream.publicUrl().orElseThrow().toString().replaceAll("/+$", "") + "/v1/tasks/";
    this.kept = custody.url().isPresent();
  }

  @Override
  public @Nullable String url() {
    return kept ? base : null;
  }

  /**
   * A link that needs no key.
   *
   * @param url for anybody who has it
   * @param expiresAt until when; whole seconds
   */
  record Signed(String url, Instant expiresAt) {}

  /** A link to one of a task's results that works for {@link #LIFE}. */
  Signed sign(String taskId, int index) {
    long expires = clock.instant().plus(LIFE).getEpochSecond();
    return new Signed(
        "%s%s/content?index=%s&expires=%s&signature=%s"
            .formatted(
                base,
                taskId,
                index,
                expires,
                secrets.token(PURPOSE, subject(taskId, index, expires))),
        Instant.ofEpochSecond(expires));
  }

  /** Whether a link's end and signature are ours and it has not ended; constant time. */
  boolean isSigned(String taskId, int index, long expires, String signature) {
    return secrets.isToken(PURPOSE, subject(taskId, index, expires), signature)
        && clock.instant().getEpochSecond() < expires;
  }

  private static String subject(String taskId, int index, long expires) {
    return taskId + "/" + index + "/" + expires;
  }
}
