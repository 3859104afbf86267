package io.klingtracker.simulator;

import java.nio.file.Path;
import java.time.Duration;

/**
 * The simulator as a process of its own, set by environment: {@code SIMULATOR_PORT}, {@code
 * SIMULATOR_CONTROL_PORT}, {@code SIMULATOR_PUBLIC_URL}, {@code SIMULATOR_ACCESS_KEY}, {@code
 * SIMULATOR_SECRET_KEY}, {@code SIMULATOR_API_KEY}, {@code SIMULATOR_WEBHOOK_SECRET}, {@code
 * SIMULATOR_RENDER_MILLIS}, {@code SIMULATOR_SLOTS}, {@code SIMULATOR_DIRECTORY}.
 */
public final class SimulatorMain {

  private SimulatorMain() {}

  /** Runs until it is asked to stop. */
  public static void main(String[] args) {
    SimulatorSettings settings =
        new SimulatorSettings()
            .host("0.0.0.0")
            .port(Integer.parseInt(get("PORT", "18090")))
            .controlPort(Integer.parseInt(get("CONTROL_PORT", "18091")))
            .account(
                "default",
                get("ACCESS_KEY", "local-access"),
                get("SECRET_KEY", "local-secret-0123456789abcdef"))
            .apiKey("default", get("API_KEY", "local-dev-key"))
            .slots(Integer.parseInt(get("SLOTS", "5")))
            .renderTimes(
                Duration.ofSeconds(1),
                Duration.ofMillis(Long.parseLong(get("RENDER_MILLIS", "5000"))));
    if (!get("PUBLIC_URL", "").isEmpty()) {
      settings.publicUrl(get("PUBLIC_URL", ""));
    }
    if (!get("WEBHOOK_SECRET", "").isEmpty()) {
      settings.webhookSecret(get("WEBHOOK_SECRET", ""));
    }
    if (!get("DIRECTORY", "").isEmpty()) {
      settings.directory(Path.of(get("DIRECTORY", "")));
    }
    KlingSimulator simulator = new KlingSimulator(settings).start();
    Runtime.getRuntime().addShutdownHook(new Thread(simulator::close, "simulator-stop"));
    System.out.println(
        "Kling, simulated, on " + simulator.url() + "; faults on " + simulator.controlUrl());
  }

  private static String get(String name, String byDefault) {
    String value = System.getenv("SIMULATOR_" + name);
    return value == null || value.isBlank() ? byDefault : value;
  }
}
