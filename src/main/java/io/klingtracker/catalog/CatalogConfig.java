package io.klingtracker.catalog;

import io.smallrye.config.ConfigMapping;
import java.nio.file.Path;
import java.util.Optional;

/** What lies over the built-in catalogue. */
@ConfigMapping(prefix = "tracker.catalog")
public interface CatalogConfig {

  /** A file in the built-in one's format; read again when it changes. */
  Optional<Path> file();
}
