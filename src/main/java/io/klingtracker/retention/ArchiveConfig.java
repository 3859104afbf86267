package io.klingtracker.retention;

import io.smallrye.config.ConfigMapping;
import java.util.Optional;

/** Where removed tasks are written first. */
@ConfigMapping(prefix = "tracker.archive")
public interface ArchiveConfig {

  /**
   * {@code file:///absolute/folder}, the same for all replicas, or {@code s3://bucket/prefix}; they
   * are not written without.
   */
  Optional<String> url();
}
