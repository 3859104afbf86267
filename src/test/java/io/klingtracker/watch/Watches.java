package io.klingtracker.watch;

import java.time.Clock;
import java.time.Duration;
import org.jdbi.v3.core.Jdbi;

/** Makes a {@link Watch} for tests of other packages; it is not started, so it wakes nobody. */
public final class Watches {

  private Watches() {}

  /** Over the given database. */
  public static Watch over(Jdbi jdbi) {
    return new Watch(
        jdbi,
        new WatchConfig() {
          @Override
          public int maxWatchers() {
            return 10;
          }

          @Override
          public int queue() {
            return 10;
          }

          @Override
          public Duration announcePause() {
            return Duration.ofMillis(10);
          }

          @Override
          public Duration net() {
            return Duration.ofSeconds(10);
          }
        },
        Clock.systemUTC());
  }
}
