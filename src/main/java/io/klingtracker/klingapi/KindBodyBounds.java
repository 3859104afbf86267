package io.klingtracker.klingapi;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.SyncPath;
import io.klingtracker.http.BodyBounds;
import io.klingtracker.http.Front;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

/** Bodies may be large where their kind takes pictures or sound. */
@Singleton
class KindBodyBounds implements BodyBounds {

  private static final String LEGACY = "v1/";

  private final int usual;
  private final int media;

  @Inject
  KindBodyBounds(ApiConfig config) {
    this.usual = config.maxBody();
    this.media = Math.max(config.maxBody(), config.maxMediaBody());
  }

  @Override
  public int usual() {
    return usual;
  }

  @Override
  public int max() {
    return media;
  }

  @Override
  public int of(String path) {
    if (Front.of(path) != Front.KLING) {
      return usual;
    }
    String rest = Front.rest(path);
    if (rest.endsWith("/")) {
      rest = rest.substring(0, rest.length() - 1);
    }
    boolean takesMedia;
    if (rest.startsWith(LEGACY)) {
      String kind = rest.substring(LEGACY.length());
      takesMedia =
          Catalog.current()
              .syncOfPath(kind)
              .map(SyncPath::takesMedia)
              .or(() -> Catalog.current().ofPath(kind).map(Kind::takesMedia))
              .orElse(false);
    } else {
      int end = rest.indexOf('/');
      takesMedia =
          end > 0
              && Catalog.current()
                  .ofPath(rest.substring(0, end))
                  .map(Kind::takesMedia)
                  .orElse(false);
    }
    return takesMedia ? media : usual;
  }
}
