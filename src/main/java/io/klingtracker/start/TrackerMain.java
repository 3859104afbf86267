package io.klingtracker.start;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;

/** Starts the service, or says in one line which settings keep it from starting. */
@QuarkusMain
public final class TrackerMain {

  private TrackerMain() {}

  /**
   * Runs until it is told to stop; exits with 1 when the configuration is not usable. {@code
   * --print-config} prints the settings, secrets masked, and exits.
   */
  public static void main(String... args) {
    StartupCheck.orExit(args);
    Quarkus.run(args);
  }
}
