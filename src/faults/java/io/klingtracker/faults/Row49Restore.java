package io.klingtracker.faults;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.local.Directories;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

/**
 * The database is dumped and restored into a fresh cluster, whose transaction numbers begin anew,
 * under a service that continues and readers that hold cursors.
 */
@Field
final class Row49Restore extends Row {

  private static final Duration READY_LIMIT = Duration.ofSeconds(60);

  /** Of transactions that the first cluster has behind it: new ones stay far below. */
  private static final int BURNT = 100_000;

  private static final String DATABASE = "postgres";

  private @Nullable Database database;

  /** Behind a name that leads to the one cluster, then to the other. */
  private record Database(DebianPostgres server, TcpProxy network) {}

  private String cursor = "";
  private final Set<String> read = new HashSet<>();

  Row49Restore() {
    super(
        49,
        "a dump is restored into a cluster with lower transaction numbers",
        "readers go on from their cursors and miss nothing, the restore is told");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    DebianPostgres server = DebianPostgres.primary(Map.of());
    server.execute(
        DATABASE,
        "do $$ begin for i in 1.."
            + BURNT
            + " loop perform pg_current_xact_id(); commit; end loop; end $$");
    TcpProxy network = new TcpProxy(List.of(server.port()));
    database = new Database(server, network);
    return stage.installation(
        1,
        Installation.Place.at(
            server.jdbcUrl(DATABASE),
            Map.of(
                "quarkus.datasource.jdbc.url",
                "jdbc:postgresql://127.0.0.1:" + network.port() + "/" + DATABASE)));
  }

  @Override
  void attack(Scene scene) throws Exception {
    Installation installation = scene.installation();
    Database own = Objects.requireNonNull(database);
    readOn(installation);
    scene
        .findings()
        .require(!read.isEmpty(), "a reader holds a cursor", "nothing was there to be read");
    scene.measures().phase(Measures.AWAY);
    own.network().refuse();
    long before = newest(installation);
    long start = System.nanoTime();
    intoAFreshCluster(own.server());
    own.network().heal();
    scene.note("dumped and restored in %.1f s".formatted((System.nanoTime() - start) / 1e9));
    long limit = System.nanoTime() + READY_LIMIT.toNanos();
    while (System.nanoTime() < limit
        && installation.calls().get(installation.url() + "/q/health/ready", null).status() != 200) {
      scene.watch(Duration.ofMillis(200));
    }
    scene.measures().phase("restored");
    scene.watch(scene.run().seconds(8));
    scene
        .findings()
        .require(
            installation
                    .sql()
                    .number("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
                < before,
            "the numbers of the new cluster are lower",
            "highest position before: " + before);
  }

  @Override
  void afterwards(Scene scene) throws Exception {
    Installation installation = scene.installation();
    int known = read.size();
    readOn(installation);
    Set<String> missed = new HashSet<>();
    installation
        .sql()
        .rows("select event_id from task_event where tenant_id = ? ", Installation.HONEST.id())
        .forEach(row -> missed.add(row.get(0)));
    long all = missed.size();
    missed.removeAll(read);
    scene.note("read %d events before and %d after".formatted(known, read.size() - known));
    scene
        .findings()
        .require(missed.isEmpty(), "nothing is missed", missed.size() + " of " + all + " events");
    String log = installation.service().log();
    scene.findings().require(log.contains("restore detected"), "the log tells of the restore", "");
    JsonNode well = installation.calls().get(installation.url() + "/q/health/well", null).json();
    scene
        .findings()
        .require(well.toString().contains("restore detected"), "health tells of it", well + "");
  }

  @AfterEach
  void gone() {
    if (database != null) {
      database.network().close();
      database.server().close();
    }
  }

  @Override
  boolean leavesTraces() {
    return true;
  }

  /** Pages from the cursor to the end; an event that comes twice is a finding of its own kind. */
  private void readOn(Installation installation) {
    while (true) {
      String after =
          cursor.isEmpty() ? "" : "&after=" + URLEncoder.encode(cursor, StandardCharsets.UTF_8);
      JsonNode page =
          installation
              .calls()
              .get(
                  installation.url() + "/v1/events?limit=500" + after, Installation.HONEST.apiKey())
              .json();
      for (JsonNode event : page.path("events")) {
        if (!read.add(event.path("event_id").asText())) {
          throw new IllegalStateException("twice: " + event);
        }
      }
      cursor = page.path("next_cursor").asText(cursor);
      if (page.path("events").isEmpty()) {
        return;
      }
    }
  }

  private static long newest(Installation installation) {
    return installation.sql().number("select max(feed_position) from task_event");
  }

  /** On the same port, as a name that leads elsewhere now. */
  private static void intoAFreshCluster(DebianPostgres server) throws Exception {
    Path dump = server.data().resolveSibling("dump");
    String port = Integer.toString(server.port());
    String[] there = {"-h", "127.0.0.1", "-p", port, "-U", DebianPostgres.USER, "-d", DATABASE};
    server.command("pg_dump", with(there, "-Fc", "-f", dump.toString()));
    server.stop("fast");
    Directories.delete(server.data());
    server.command(
        "initdb",
        "-U",
        DebianPostgres.USER,
        "-A",
        "trust",
        "-N",
        "--locale=C",
        "-E",
        "UTF8",
        "-D",
        server.data().toString());
    server.configure(Map.of());
    server.start();
    server.command("pg_restore", with(there, "--exit-on-error", dump.toString()));
  }

  private static String[] with(String[] some, String... more) {
    String[] all = Arrays.copyOf(some, some.length + more.length);
    System.arraycopy(more, 0, all, some.length, more.length);
    return all;
  }
}
