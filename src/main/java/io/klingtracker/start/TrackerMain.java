package io.klingtracker.start;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import io.quarkus.runtime.configuration.ConfigUtils;
import io.smallrye.config.SmallRyeConfig;

/** Starts the service, or says in one line which settings keep it from starting. */
@QuarkusMain
public final class TrackerMain {

  private TrackerMain() {}

  /**
   * Runs until it is asked to stop; exits with 1 when the configuration is not usable. {@code
   * --print-config} prints the settings, secrets masked, and exits.
   */
  public static void main(String... args) {
    StartupCheck.orExit(args);
    awaitDatabase();
    Quarkus.run(args);
  }

  private static void awaitDatabase() {
    SmallRyeConfig config = ConfigUtils.configBuilder().withMapping(StartConfig.class).build();
    DatabaseCheck.fault(
            config,
            config.getConfigMapping(StartConfig.class).most(),
            what -> System.err.println("Kling Task Tracker waits for " + what))
        .ifPresent(
            fault -> {
              System.err.println("Kling Task Tracker cannot start: " + fault);
              System.exit(1);
            });
  }
}
