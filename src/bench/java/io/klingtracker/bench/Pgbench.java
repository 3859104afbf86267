package io.klingtracker.bench;

import io.klingtracker.local.EmbeddedPostgresServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** PostgreSQL's own load generator, where it is installed. */
final class Pgbench {

  private static final Pattern RATE = Pattern.compile("tps = ([0-9.]+)");

  private static final Pattern NOTHING =
      Pattern.compile("number of transactions actually processed: 0(/|\\s|$)");

  private final Path program;
  private final Path directory;

  private Pgbench(Path program, Path directory) {
    this.program = program;
    this.directory = directory;
  }

  /** The one of the path, or of Debian's packages; empty when there is none. */
  static Optional<Pgbench> find(Path directory) {
    List<Path> candidates = new ArrayList<>();
    for (String entry : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
      candidates.add(Path.of(entry, "pgbench"));
    }
    Path debian = Path.of("/usr/lib/postgresql");
    if (Files.isDirectory(debian)) {
      try (Stream<Path> releases = Files.list(debian)) {
        releases.sorted().map(release -> release.resolve("bin/pgbench")).forEach(candidates::add);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return candidates.stream()
        .filter(Files::isExecutable)
        .findFirst()
        .map(program -> new Pgbench(program, directory));
  }

  /**
   * Transactions a second; not a number when not one came to its end in the time, as on a machine
   * that others use up.
   */
  double run(
      Database database,
      SqlScript script,
      int clients,
      Map<String, Long> variables,
      Duration duration) {
    List<String> command =
        new ArrayList<>(
            List.of(
                program.toString(),
                "--host=localhost",
                "--port=" + database.port(),
                "--username=" + EmbeddedPostgresServer.USER,
                "--no-vacuum",
                "--protocol=prepared",
                "--client=" + clients,
                "--jobs=" + Math.min(clients, 2),
                "--time=" + Math.max(1, duration.toSeconds()),
                "--file=" + script.writeTo(directory)));
    variables.forEach((name, value) -> command.add("--define=" + name + "=" + value));
    command.add(database.name());
    try {
      Path output = Files.createTempFile(directory, "pgbench", ".txt");
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      if (!process.waitFor(duration.toSeconds() + 60, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IllegalStateException("pgbench does not end");
      }
      String text = Files.readString(output, StandardCharsets.UTF_8);
      Files.delete(output);
      Matcher rate = RATE.matcher(text);
      if (NOTHING.matcher(text).find()) {
        return Double.NaN;
      }
      if (process.exitValue() != 0 || !rate.find()) {
        throw new IllegalStateException("pgbench " + script.name() + ": " + text);
      }
      return Double.parseDouble(rate.group(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
