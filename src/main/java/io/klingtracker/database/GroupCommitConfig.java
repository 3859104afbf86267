package io.klingtracker.database;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Whether submissions and callbacks that come at the same time share a commit. */
@ConfigMapping(prefix = "tracker.group-commit")
public interface GroupCommitConfig {

  /** Off: a statement and a commit for each. */
  @WithDefault("true")
  boolean enabled();
}
