package io.klingtracker.faults;

import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Sessions are ended by the server or cut by the network until the pool was replaced twice. */
@Field
final class Row47LostSessions extends Row {

  private static final String NAME = "lostsessions";

  /** The pool, and those that are kept beside it. */
  private static final int SESSIONS = 20;

  private static final long ROUND_LIMIT_SECONDS = 30;

  private @Nullable TcpProxy proxy;

  Row47LostSessions() {
    super(47, "sessions lost until the pool was replaced twice", "no place of the pool is lost");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    stage.servers().postgres().ensureDatabase(NAME);
    TcpProxy way = new TcpProxy(java.util.List.of(stage.servers().postgres().port()));
    proxy = way;
    return stage.installation(
        1,
        new Installation.Place(
            NAME,
            stage.servers().postgres().jdbcUrl(NAME),
            Map.of(
                "quarkus.datasource.jdbc.url",
                "jdbc:postgresql://127.0.0.1:" + way.port() + "/" + NAME)));
  }

  @Override
  void attack(Scene scene) {
    TcpProxy way = Objects.requireNonNull(proxy);
    Sql sql = scene.installation().sql();
    scene.measures().phase(Measures.AWAY);
    long lost = 0;
    for (int round = 0; lost < 2 * SESSIONS || round < 6; round++) {
      if (round % 2 == 0) {
        lost +=
            sql.number(
                """
                select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()""");
      } else {
        lost +=
            sql.number(
                """
            select count(*) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()""");
        way.reset();
      }
      if (!stores(scene)) {
        scene.findings().add("it works again", "not within 30 s of round " + round);
        return;
      }
    }
    scene.note(lost + " sessions were lost");
  }

  /** Waits for tasks that were stored after the loss. */
  private static boolean stores(Scene scene) {
    int before = scene.traffic().tasks().size();
    long end = System.nanoTime() + ROUND_LIMIT_SECONDS * 1_000_000_000;
    while (scene.traffic().tasks().size() < before + 2) {
      if (System.nanoTime() > end) {
        return false;
      }
      LockSupport.parkNanos(50_000_000);
    }
    return true;
  }

  @Override
  void afterwards(Scene scene) {
    scene
        .findings()
        .require(
            !scene.installation().service().log().contains("acquisition timeout"),
            "I9 no place of the pool is lost",
            "requests waited in vain for one");
  }

  @Override
  boolean leavesTraces() {
    return true;
  }

  @Override
  void end() {
    if (proxy != null) {
      proxy.close();
    }
  }
}
