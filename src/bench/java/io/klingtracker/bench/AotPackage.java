package io.klingtracker.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The service packaged for an AOT cache, and a cache that the JVM of the bench has written in a
 * training run with callbacks, submissions and reads.
 */
record AotPackage(Path jar, Path cache) {

  private static final List<String> COLLECTOR = List.of("-XX:+UseSerialGC");
  private static final Duration BUILD = Duration.ofMinutes(4);
  private static final int TRAINING = 300;

  /** Options of a JVM that starts from the cache; the collector is the training's. */
  List<String> options() {
    return List.of(COLLECTOR.get(0), "-XX:AOTCache=" + cache);
  }

  /** Builds and trains; empty, with a note, where that is not possible. */
  static Optional<AotPackage> make(Bench bench, Database database) throws IOException {
    Path target = bench.options().directory().resolve("aot-build");
    Path jar = target.resolve("aot/quarkus-run.jar");
    Path cache = target.resolve("app.aot");
    if (bench.options().smoke() || !built(bench, target) || !Files.exists(jar)) {
      bench.report().note("G11 was not measured: the package for an AOT cache was not built.");
      return Optional.empty();
    }
    Files.deleteIfExists(cache);
    List<String> training = List.of(COLLECTOR.get(0), "-XX:AOTCacheOutput=" + cache);
    Tasks.open(database, 1_000_000, TRAINING);
    try (Service service =
        bench.service(database, "bench.training", Map.of(), jar, training).awaitReady()) {
      Duration time = Duration.ofSeconds(20);
      Loader.closed(service.port(), 4, new SignedCallbacks(1_000_000, TRAINING), time);
      Loader.open(service.port(), 4, Loader.always(Submissions.REQUEST), 50, time.dividedBy(5));
    }
    // The JVM writes the cache in a process of its own after the service has ended.
    if (!Database.await(Duration.ofSeconds(60), () -> Files.exists(cache))) {
      bench.report().note("G11 was not measured: this JVM writes no AOT cache; a JDK 25 does.");
      return Optional.empty();
    }
    return Optional.of(new AotPackage(jar, cache));
  }

  private static boolean built(Bench bench, Path target) throws IOException {
    Files.createDirectories(target);
    ProcessBuilder maven =
        new ProcessBuilder(
                "mvn",
                "-B",
                "-q",
                "-Dquick",
                "-Paot",
                "-Dmaven.test.skip=true",
                "-Doutput.directory=" + target,
                "package")
            .redirectErrorStream(true)
            .redirectOutput(bench.options().directory().resolve("aot-build.log").toFile());
    try {
      Process build = maven.start();
      if (!build.waitFor(BUILD.toSeconds(), TimeUnit.SECONDS)) {
        build.destroyForcibly();
        return false;
      }
      return build.exitValue() == 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
