package io.klingtracker.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The same callbacks to services that others would write, beside ours in the same rounds. */
final class Peers implements Bench.Group {

  private static final int CONNECTIONS = 128;

  /** No goal depends on them, and each takes its time to start, to warm up and to publish. */
  private static final int ROUNDS = 3;

  /** Who has not published by then is behind; what comes later is not counted. */
  private static final Duration LEFT = Duration.ofSeconds(2);

  private static final List<Peer.Kind> KINDS =
      List.of(
          new Peer.Kind(
              "fastify",
              "fastify",
              List.of("npm", "install", "--no-audit", "--no-fund", "--no-package-lock"),
              List.of("node", "server.js")),
          spring("jpa"),
          spring("jdbc"));

  private static Peer.Kind spring(String store) {
    return new Peer.Kind(
        "spring-modulith-" + store,
        "spring-modulith",
        List.of("mvn", "-B", "-q", "package", "-Dstore=" + store),
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-jar",
            "target/peer.jar",
            "--spring.profiles.active=" + store));
  }

  private final Rounds rounds = new Rounds();
  private final Map<Peer.Kind, Path> built = new LinkedHashMap<>();

  @Override
  public String name() {
    return "peers";
  }

  @Override
  public void prepare(Bench bench) throws IOException {
    if (bench.options().smoke()) {
      bench.report().note("Peers are not part of a smoke run: building them takes the network.");
      return;
    }
    for (Peer.Kind kind : KINDS) {
      try {
        built.put(kind, Peer.build(bench.options().directory(), kind));
      } catch (Peer.MissingException e) {
        missing(bench, kind, e);
      }
    }
  }

  @Override
  public void run(Bench bench) throws IOException {
    for (Map.Entry<Peer.Kind, Path> peer : built.entrySet()) {
      Peer.Kind kind = peer.getKey();
      Database database = bench.stack().empty("peer_" + kind.name().replace('-', '_'));
      try {
        compare(bench, kind, peer.getValue(), database);
      } catch (Peer.MissingException | IllegalStateException e) {
        missing(bench, kind, e);
      } finally {
        bench.stack().drop(database);
      }
    }
  }

  private static void missing(Bench bench, Peer.Kind kind, Exception why) {
    bench.report().note("Peer " + kind.name() + " was left out: " + why.getMessage());
  }

  private void compare(Bench bench, Peer.Kind kind, Path home, Database database)
      throws Peer.MissingException, IOException {
    CallbackSide side = bench.common().side();
    database.execute(
        Files.readString(Path.of("src/bench/peers/schema.sql"), StandardCharsets.UTF_8));
    String topic = "peer." + kind.name();
    try (EventTap tap = bench.tap(topic, false);
        Peer peer = new Peer(bench, kind, home, database, topic)) {
      long first = 1;
      int tasks = 10_000 * 5;
      String warmUp = kind.name() + ", warm-up";
      first = load(bench, peer, tap, database, first, tasks, bench.seconds(16), warmUp);
      for (int round = 0; round < Math.min(ROUNDS, bench.options().rounds()); round++) {
        rounds.add(
            "ours beside " + kind.name(), side.closed(CONNECTIONS, bench.seconds(2)).published());
        first = load(bench, peer, tap, database, first, 20_000, bench.seconds(2), kind.name());
      }
    }
    bench
        .report()
        .ratio(
            "",
            "callbacks published, 128 connections ÷ " + kind.name(),
            rounds.of("ours beside " + kind.name()).text("/s"),
            rounds.of(kind.name()).text("/s"),
            rounds.ratio("ours beside " + kind.name(), kind.name()),
            Goal.none());
  }

  private long load(
      Bench bench,
      Peer peer,
      EventTap tap,
      Database database,
      long first,
      int tasks,
      Duration time,
      String side) {
    database.execute(
        "insert into task select '%s' || lpad(n::text, 16, '0'), 'submitted', 1, 2, null, now() from generate_series(%d, %d) n"
            .formatted(Tasks.OPEN, first, first + tasks - 1));
    long before = tap.seen();
    long start = System.nanoTime();
    Load load =
        Loader.closed(peer.port(), CONNECTIONS, new SignedCallbacks(first, tasks), time)
            .clean(side);
    Database.await(LEFT, () -> tap.seen() >= before + load.good());
    long events = tap.seen() - before;
    if (events < load.good()) {
      bench
          .report()
          .note(
              "%s published %d of %d callbacks until %d s after the last."
                  .formatted(side, events, load.good(), LEFT.toSeconds()));
    }
    rounds.add(side, events == 0 ? Double.NaN : events / ((tap.lastAt() - start) / 1e9));
    return first + tasks;
  }
}
