package io.klingtracker.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What to measure, and how long.
 *
 * @param picked names of measures; empty for all of them
 * @param smoke whether to see only that the bench works: everything short, nothing judged
 * @param rounds how often the sides of a comparison take turns
 * @param enough nothing new is begun after so long, so that a slow machine too comes to an end
 * @param directory where reports and, meanwhile, the data are
 * @param java the JVM of the service
 * @param publish whether the run's figures go into the repository's pages
 * @param baseline another build to compare with: its checkout, or its {@code quarkus-app}
 */
record Options(
    Set<String> picked,
    boolean smoke,
    int rounds,
    Duration enough,
    Path directory,
    Path java,
    boolean publish,
    Optional<Path> baseline) {

  private static final int ROUNDS = 5;

  static Options ofProcess() {
    String names = System.getProperty("bench", "all");
    boolean smoke = Boolean.getBoolean("bench.smoke");
    int rounds = Integer.getInteger("bench.rounds", 0);
    Set<String> picked = new TreeSet<>();
    if (!names.equals("all")) {
      Arrays.stream(names.split(",")).map(String::strip).forEach(picked::add);
    }
    return new Options(
        picked,
        smoke,
        rounds > 0 ? rounds : smoke ? 1 : ROUNDS,
        Duration.ofMinutes(Integer.getInteger("bench.minutes", 30)),
        Path.of(System.getProperty("bench.directory", "target/bench")).toAbsolutePath(),
        java(System.getProperty("build.java", "")),
        publish(picked, smoke),
        baseline(System.getProperty("bench.baseline", "")));
  }

  /** Pages show whole runs: a part of the table between last time's rows would be no run at all. */
  private static boolean publish(Set<String> picked, boolean smoke) {
    boolean publish = Boolean.getBoolean("bench.publish");
    if (publish && (smoke || !picked.isEmpty())) {
      throw new IllegalArgumentException("bench.publish: only a whole run can be published");
    }
    return publish;
  }

  /**
   * The package in a folder of another build; a folder without one is a mistake of the caller's.
   */
  private static Optional<Path> baseline(String folder) {
    if (folder.isBlank()) {
      return Optional.empty();
    }
    Path base = Path.of(folder).toAbsolutePath();
    return Stream.of("", "quarkus-app", "target/quarkus-app", "target/bench/quarkus-app")
        .map(below -> base.resolve(below).resolve("quarkus-run.jar").normalize())
        .filter(Files::isRegularFile)
        .findFirst()
        .or(
            () -> {
              throw new IllegalArgumentException(
                  "bench.baseline: no quarkus-run.jar in "
                      + base
                      + "; package that build first: mvn package -DskipTests");
            });
  }

  Path jar() {
    return directory.resolve("quarkus-app/quarkus-run.jar");
  }

  boolean wants(String name) {
    return picked.isEmpty() || picked.contains(name);
  }

  /** Seconds that one side of a comparison has in one round. */
  int seconds(int whole) {
    return smoke ? 1 : whole;
  }

  /** A number of rows, or what is enough to see that it works. */
  int rows(int whole) {
    return smoke ? Math.min(whole, 20_000) : whole;
  }

  /** The JDK that was named, or the newest one installed, as the image takes it. */
  private static Path java(String named) {
    if (!named.isBlank()) {
      return Path.of(named);
    }
    Path own = Path.of(System.getProperty("java.home"), "bin", "java");
    Path all = Path.of("/usr/lib/jvm");
    if (!Files.isDirectory(all)) {
      return own;
    }
    try (Stream<Path> homes = Files.list(all)) {
      return homes
          .map(home -> home.resolve("bin/java"))
          .filter(Files::isExecutable)
          .max(Comparator.comparingInt(Options::release))
          .filter(newest -> release(newest) > Runtime.version().feature())
          .orElse(own);
    } catch (java.io.IOException e) {
      return own;
    }
  }

  /** The feature release of a JDK, by its own word; 0 when it does not tell. */
  private static int release(Path java) {
    try {
      Path release = java.toRealPath().resolve("../../release").normalize();
      return Files.readAllLines(release).stream()
          .filter(line -> line.startsWith("JAVA_VERSION="))
          .map(line -> line.replaceAll("[^0-9.]", "").split("\\.", 2)[0])
          .mapToInt(Integer::parseInt)
          .findFirst()
          .orElse(0);
    } catch (java.io.IOException | NumberFormatException e) {
      return 0;
    }
  }
}
