package io.klingtracker.catalog;

import io.klingtracker.loops.Loops;
import io.klingtracker.testing.NotifyingEvent;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/** What lies over the built-in catalogue, as long as it is open. */
public final class CatalogOver implements AutoCloseable {

  /** Lays some YAML over it. */
  public CatalogOver(String yaml) {
    Catalog.use(read(yaml));
  }

  /** What a start makes of a file, and whom it tells of changes. */
  public static CatalogOverlay started(Path file, Consumer<CatalogChanged> changed) {
    return new CatalogOverlay(() -> Optional.of(file), new Loops(), new NotifyingEvent<>(changed));
  }

  /** Twice, since what is found once may be half of it. */
  public static void look(CatalogOverlay overlay, Path file) {
    overlay.look(file);
    overlay.look(file);
  }

  static Catalog read(String yaml) {
    return CatalogReader.read(Catalog.builtInText(), new CatalogReader.Overlay("over.yaml", yaml));
  }

  @Override
  public void close() {
    Catalog.use(Catalog.builtIn());
  }
}
