package io.klingtracker.retention;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.storage.StorageConfig;
import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;

/** Removal that keeps nothing. */
final class NoArchive {

  private NoArchive() {}

  static Archive on(Jdbi jdbi, Clock clock) {
    return new Archive(
        Settings.of(ArchiveConfig.class, Map.of()),
        Settings.of(StorageConfig.class, Map.of()),
        new ArchiveStore(jdbi),
        new ObjectMapper(),
        clock,
        new SimpleMeterRegistry());
  }
}
