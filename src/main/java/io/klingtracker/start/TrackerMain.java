package io.klingtracker.start;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import io.quarkus.runtime.configuration.ConfigUtils;
import java.util.Optional;

/** Starts the service, or says in one line which setting keeps it from starting. */
@QuarkusMain
public final class TrackerMain {

  private TrackerMain() {}

  /** Runs until it is told to stop; exits with 1 when the configuration is not usable. */
  public static void main(String... args) {
    Optional<String> fault = StartupCheck.fault(ConfigUtils.configBuilder());
    if (fault.isPresent()) {
      System.err.println("Kling Task Tracker cannot start: " + fault.get());
      System.exit(1);
    }
    Quarkus.run(args);
  }
}
