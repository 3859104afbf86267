package io.klingtracker.start;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Who migrates the schema. */
@ConfigMapping(prefix = "tracker")
public interface MigrateConfig {

  /** What a start does about migrations. */
  enum Migrate {
    /** Migrates, then serves. */
    START,
    /** Migrates, then ends: for a job that comes before the replicas. */
    ONLY,
    /** Waits until somebody else has migrated, as long as {@code tracker.start.wait}. */
    OFF
  }

  /** What this start does. */
  @WithDefault("start")
  Migrate migrate();
}
