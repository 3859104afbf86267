package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Entry;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;

/**
 * The memory for work on large bodies, on both of their ways: from a caller into the store, and
 * from the store to Kling. One bound for both, since together they would be more than a small heap
 * holds: a picture of the largest size takes some times its length on either way.
 */
@ApplicationScoped
public class LargeBodyWork {

  /**
   * What a large body takes at its worst moment, in times of its length: its text, its tree, the
   * text that is written, and the bytes of that.
   */
  public static final int COPIES = 4;

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final Share share;

  @Inject
  LargeBodyWork(HttpConfig config, BodyBounds bounds, Shares shares) {
    this(
        shares.of(
            Bound.brief(
                "large-body-copies",
                "bytes for work on large requests",
                // One of the largest always fits, whatever was configured.
                Math.max(memory(config) / 16 * 5, (long) bounds.max() * COPIES),
                ErrorCode.RATE_LIMITED,
                RETRY)));
  }

  /** With a bound of another size. */
  public LargeBodyWork(Share share) {
    this.share = share;
  }

  /** Asks for so many bytes for a tenant's bodies; more than there are at all is all of them. */
  public Entry enter(String tenant, long bytes) {
    return share.enter(tenant, Math.min(bytes, share.bound().max()));
  }

  /** Bytes that all parts are parts of. */
  static long memory(HttpConfig config) {
    return config.bodyMemory().orElse(Runtime.getRuntime().maxMemory() / 2);
  }

  long held() {
    return share.held();
  }
}
