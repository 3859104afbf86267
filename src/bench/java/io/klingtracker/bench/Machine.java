package io.klingtracker.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.concurrent.TimeUnit;

/** Where and of what the figures are. */
record Machine(
    String date,
    String commit,
    int cores,
    String memory,
    String system,
    String java,
    String postgres,
    String kafka) {

  static Machine here(Options options, Stack stack) {
    return new Machine(
        LocalDate.now(ZoneOffset.UTC).toString(),
        said("git", "rev-parse", "--short", "HEAD"),
        Runtime.getRuntime().availableProcessors(),
        memoryOfMachine(),
        System.getProperty("os.name") + " " + System.getProperty("os.arch"),
        said(options.java().toString(), "--version"),
        stack.postgresVersion(),
        org.apache.kafka.common.utils.AppInfoParser.getVersion());
  }

  String line() {
    return "%s, commit %s, %d cores, %s of memory, %s, service on %s, PostgreSQL %s, Kafka %s; loader and servers on the same machine"
        .formatted(date, commit, cores, memory, system, java, postgres, kafka);
  }

  private static String memoryOfMachine() {
    try {
      return Files.readAllLines(Path.of("/proc/meminfo")).stream()
          .filter(line -> line.startsWith("MemTotal:"))
          .map(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / (1024 * 1024) + " GiB")
          .findFirst()
          .orElse("?");
    } catch (IOException e) {
      return "?";
    }
  }

  private static String said(String... command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0
          ? text.lines().findFirst().orElse("?")
          : "?";
    } catch (IOException e) {
      return "?";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "?";
    }
  }
}
