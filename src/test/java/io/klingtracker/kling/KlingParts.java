package io.klingtracker.kling;

import io.klingtracker.testing.Settings;
import io.vertx.core.Vertx;
import java.time.Clock;
import java.util.Map;

/** The client for Kling without CDI. */
public final class KlingParts {

  private KlingParts() {}

  /** A client with the accounts of these settings. */
  public static KlingClient client(Vertx vertx, Clock clock, Map<String, String> settings) {
    return new HttpKlingClient(vertx, Settings.of(KlingConfig.class, settings), clock, "test");
  }
}
