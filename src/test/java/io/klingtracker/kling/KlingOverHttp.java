package io.klingtracker.kling;

import io.vertx.core.Vertx;
import java.time.Clock;

/** The real client without a container, for tests of what is built on it. */
public final class KlingOverHttp {

  private KlingOverHttp() {}

  /** The client. */
  public static KlingClient client(Vertx vertx, KlingConfig config, Clock clock) {
    return new HttpKlingClient(vertx, config, clock, "test");
  }
}
