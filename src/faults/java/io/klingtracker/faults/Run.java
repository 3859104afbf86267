package io.klingtracker.faults;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * How long and with what a run is made.
 *
 * @param scale by which every duration is multiplied; counts that prove a bound stay as they are
 * @param seed of everything that looks random
 * @param jar the build under test
 */
record Run(double scale, long seed, Path jar) {

  /** What {@code k8s/} leaves the service, half of 768 MiB as heap, and what its image sets. */
  static final List<String> JVM =
      List.of(
          "-Xmx384m",
          "-XX:MaxDirectMemorySize=96m",
          "-XX:+UseSerialGC",
          "-XX:+ExitOnOutOfMemoryError");

  /** The image's environment. */
  static final Map<String, String> ENVIRONMENT = Map.of("MALLOC_ARENA_MAX", "2");

  /** The container's limit in {@code k8s/}: a process above it would be ended. */
  static final long MAX_RESIDENT_MEBIBYTES = 768;

  /** The one bound on time that is judged: health answers within it, whatever happens. */
  static final Duration HEALTH_LIMIT = Duration.ofSeconds(10);

  static Run ofProperties() {
    return new Run(
        Double.parseDouble(System.getProperty("faults.scale", "1")),
        Long.getLong("faults.seed", System.nanoTime() & 0xFFFFFF),
        jar(
            System.getProperty(
                "faults.jar",
                System.getProperty("build.jar", "target/quarkus-app/quarkus-run.jar"))));
  }

  private static Path jar(String name) {
    Path path = Path.of(name);
    Path run = path.resolve("quarkus-run.jar");
    return run.toFile().exists() ? run : path;
  }

  /** So many seconds at scale 1, and a second at least. */
  Duration seconds(double seconds) {
    return Duration.ofMillis((long) Math.max(1_000, seconds * scale * 1_000));
  }
}
