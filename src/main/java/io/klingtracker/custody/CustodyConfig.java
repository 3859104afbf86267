package io.klingtracker.custody;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/** Where results are copied to, and for how long. */
@ConfigMapping(prefix = "tracker.custody")
public interface CustodyConfig {

  /** Shorter than this nobody could have fetched a copy. */
  Duration SHORTEST = Duration.ofHours(1);

  /** What PostgreSQL can still reckon with. */
  Duration LONGEST = Duration.ofDays(36_500);

  /**
   * {@code file:///absolute/folder}, the same for all replicas, or {@code s3://bucket/prefix};
   * results are not copied without.
   */
  Optional<String> url();

  /** How long before Kling deletes a result without a copy that is told; less than its life. */
  @WithDefault("3D")
  Duration warn();

  /** Where callers get what is in the bucket, in place of links that are signed for them. */
  Optional<URI> publicBase();

  /** How long copies are kept; for ever without. */
  Optional<Duration> keep();
}
