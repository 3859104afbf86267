package io.klingtracker.storage;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.util.Optional;

/** How buckets are reached, those of results and those of the archive. */
@ConfigMapping(prefix = "tracker.custody")
public interface StorageConfig {

  /** Of a service that speaks as S3 does; Amazon's own without. */
  Optional<URI> endpoint();

  /** The bucket's. */
  @WithDefault("us-east-1")
  String region();

  /** With {@link #secretKey()}; without both, what the machine or its environment has. */
  Optional<String> accessKey();

  /** See {@link #accessKey()}. */
  Optional<String> secretKey();

  /** Whether the bucket is in the path, as most services beside Amazon's have it. */
  @WithDefault("false")
  boolean pathStyle();
}
