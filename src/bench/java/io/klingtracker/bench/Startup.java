package io.klingtracker.bench;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** From the start of the process to the first callback that is durable. */
final class Startup implements Bench.Group {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  /**
   * A JVM begins with a sixty-fourth of the memory that it sees: this much or less where k8s/ runs
   * it, all of its heap on most machines that a bench runs on.
   */
  private static final String LIKE_A_CONTAINER = "-Xms32m";

  private final Rounds rounds = new Rounds();
  private @Nullable Database database;
  private Optional<AotPackage> aot = Optional.empty();

  @Override
  public String name() {
    return "startup";
  }

  @Override
  public void prepare(Bench bench) throws IOException {
    Database made = bench.stack().database("startup");
    Tasks.open(made, 1, 1_000);
    aot = AotPackage.make(bench, made);
    database = made;
  }

  @Override
  public void run(Bench bench) {
    Database database = Objects.requireNonNull(this.database);
    int[] next = {1};
    bench.service(database, "bench.startup", Map.of()).awaitReady().close();
    for (int round = 0; round < bench.options().rounds(); round++) {
      start(bench, database, "fast-jar", bench.options().jar(), List.of(), next);
      if (aot.isPresent()) {
        start(bench, database, "aot", aot.get().jar(), aot.get().options(), next);
      }
    }
    aot.ifPresent(made -> profile(bench, database, made, next[0]));
    bench.stack().drop(database);
    Report report = bench.report();
    report.figure("first durable callback, fast-jar", rounds.of("fast-jar").text(" s"));
    report.figure("memory then, fast-jar", rounds.of("fast-jar MiB").text(" MiB"));
    if (aot.isEmpty()) {
      return;
    }
    report.ratio(
        "G11",
        "first durable callback, AOT cache ÷ fast-jar",
        rounds.of("aot").text(" s"),
        rounds.of("fast-jar").text(" s"),
        rounds.ratio("aot", "fast-jar"),
        Goal.atMost(0.35));
    report.figure(
        "G11",
        "memory then, AOT cache",
        rounds.of("aot MiB").text(" MiB"),
        rounds.of("aot MiB"),
        Goal.atMost(130));
  }

  private void start(
      Bench bench, Database database, String side, Path jar, List<String> jvm, int[] next) {
    SignedCallbacks callbacks = new SignedCallbacks(next[0]++, 1);
    byte[] callback = Objects.requireNonNull(callbacks.next());
    long start = System.nanoTime();
    try (Service service =
        bench.service(database, "bench.startup", Map.of(), jar, with(LIKE_A_CONTAINER, jvm))) {
      boolean answered = Database.await(LIMIT, () -> accepted(service.port(), callback));
      if (!answered) {
        throw new IllegalStateException("no callback was taken:\n" + service.log());
      }
      rounds.add(side, (System.nanoTime() - start) / 1e9);
      rounds.add(side + " MiB", service.residentMebibytes());
    }
  }

  /** Two more starts: what the threads of one from the cache did, and a recording of one. */
  private static void profile(Bench bench, Database database, AotPackage aot, int number) {
    bench
        .report()
        .note(
            "Profile of a start from the AOT cache: "
                + once(bench, database, aot.jar(), aot.options(), number));
    Path file = Profile.file(bench, "startup");
    List<String> recorded =
        List.of("-XX:StartFlightRecording:settings=profile,dumponexit=true,filename=" + file);
    once(bench, database, bench.options().jar(), recorded, number + 1);
    bench
        .report()
        .note(
            "Profile of a start of the fast-jar, since a JVM that records leaves the cache alone. "
                + Profile.samples(file));
  }

  /** What one start takes until its first callback, in words. */
  private static String once(
      Bench bench, Database database, Path jar, List<String> jvm, int number) {
    byte[] callback = Objects.requireNonNull(new SignedCallbacks(number, 1).next());
    try (Service service =
        bench.service(database, "bench.startup", Map.of(), jar, with(LIKE_A_CONTAINER, jvm))) {
      Database.await(LIMIT, () -> accepted(service.port(), callback));
      return "%s. Memory: %s.".formatted(service.threads(), service.memory());
    }
  }

  private static List<String> with(String option, List<String> jvm) {
    List<String> all = new ArrayList<>(jvm);
    all.add(option);
    return all;
  }

  private static boolean accepted(int port, byte[] request) {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(5_000);
      socket.getOutputStream().write(request);
      byte[] answer = socket.getInputStream().readNBytes(12);
      return new String(answer, java.nio.charset.StandardCharsets.US_ASCII).endsWith(" 200");
    } catch (IOException e) {
      return false;
    }
  }
}
