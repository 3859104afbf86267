package io.klingtracker.catalog;

/** What lies over the built-in catalogue, as long as it is open. */
public final class CatalogOver implements AutoCloseable {

  /** Lays some YAML over it. */
  public CatalogOver(String yaml) {
    Catalog.use(read(yaml));
  }

  static Catalog read(String yaml) {
    return CatalogReader.read(Catalog.builtInText(), new CatalogReader.Overlay("over.yaml", yaml));
  }

  @Override
  public void close() {
    Catalog.use(Catalog.builtIn());
  }
}
