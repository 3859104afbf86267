package io.klingtracker.faults;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Connections that send slowly, read slowly, or do nothing. */
@Attack
final class Row31SlowConnections extends Row {

  private static final int SLOW_SENDERS = 400;
  private static final int SLOW_READERS = 1_000;
  private static final int IDLE = 10_000;

  Row31SlowConnections() {
    super(31, "slow senders, slow readers, idle connections", "others are served; I9");
  }

  @Override
  void attack(Scene scene) throws Exception {
    int idle = (int) Math.min(IDLE, openFilesAllowed() * 4 / 10);
    Duration time = scene.run().seconds(40);
    byte[] document = text("GET /q/openapi HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(8));
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try (Swarm headers = new Swarm(scene.port());
        Swarm readers = new Swarm(scene.port());
        Swarm silent = new Swarm(scene.port())) {
      List<Future<Swarm>> running = new ArrayList<>();
      running.add(
          threads.submit(
              () ->
                  headers
                      .dripping(Duration.ofSeconds(1), number -> text("X-More: and more\r\n"))
                      .open(
                          SLOW_SENDERS,
                          number -> text("GET /v1/tasks HTTP/1.1\r\nHost: localhost\r\n"))
                      .run(time)));
      running.add(
          threads.submit(
              () -> readers.notReading().open(SLOW_READERS, number -> document).run(time)));
      running.add(threads.submit(() -> silent.open(idle, number -> new byte[0]).run(time)));
      for (Future<Swarm> one : running) {
        one.get();
      }
      scene.note("slow senders: " + headers);
      scene.note("slow readers: " + readers);
      scene.note("idle: " + silent);
    } finally {
      threads.shutdownNow();
    }
  }

  /** What one process may open here; the service may open as many. */
  static long openFilesAllowed() throws IOException {
    Path limits = Path.of("/proc/self/limits");
    if (!Files.exists(limits)) {
      return 4_000;
    }
    return Files.readAllLines(limits).stream()
        .filter(line -> line.startsWith("Max open files"))
        .map(line -> line.substring(26).strip().split("\\s+")[0])
        .mapToLong(soft -> soft.equals("unlimited") ? 1_000_000 : Long.parseLong(soft))
        .findFirst()
        .orElse(4_000);
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
