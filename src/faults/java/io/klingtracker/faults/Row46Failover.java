package io.klingtracker.faults;

import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * PostgreSQL turns read-only under open sessions and writes again; then it is gone, and its standby
 * is promoted.
 */
@Field
final class Row46Failover extends Row {

  /** Within which the service works, once PostgreSQL does. */
  private static final long LIMIT_SECONDS = 30;

  private @Nullable DebianPostgres primary;
  private @Nullable DebianPostgres standby;

  Row46Failover() {
    super(
        46,
        "PostgreSQL turns read-only, then its standby is promoted",
        "503, then 200 within 30 s, nothing lost");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    DebianPostgres first = DebianPostgres.primary(Map.of());
    primary = first;
    first.execute("postgres", "create database failover");
    DebianPostgres second = first.standby();
    standby = second;
    // Else what was answered 2xx could be lost with the primary, whoever answered.
    first.configure(Map.of("synchronous_standby_names", "*"));
    first.reload();
    String url =
        "jdbc:postgresql://127.0.0.1:%d,127.0.0.1:%d/failover"
            .formatted(first.port(), second.port());
    return stage.installation(
        2,
        new Installation.Place(
            "failover",
            url + "?targetServerType=primary",
            Map.of("quarkus.datasource.jdbc.url", url)));
  }

  @Override
  void attack(Scene scene) {
    DebianPostgres first = Objects.requireNonNull(primary);
    DebianPostgres second = Objects.requireNonNull(standby);
    Map<String, String> synchronous = Map.of("synchronous_standby_names", "*");

    scene.measures().phase(Measures.AWAY);
    first.configure(
        Map.of("synchronous_standby_names", "*", "default_transaction_read_only", "on"));
    first.reload();
    refusesAndSaysSo(scene, "read-only");
    first.configure(synchronous);
    // Later lines win: the one above must be taken back, not only left out.
    first.configure(
        Map.of("synchronous_standby_names", "*", "default_transaction_read_only", "off"));
    first.reload();
    works(scene, "after it was read-only");
    scene.measures().phase("between");
    scene.watch(scene.run().seconds(5));

    scene.measures().phase(Measures.AWAY);
    first.stop("immediate");
    refusesAndSaysSo(scene, "gone");
    second.promote();
    works(scene, "after the promotion");
  }

  /** Submissions are answered 503, and so is readiness. */
  private static void refusesAndSaysSo(Scene scene, String what) {
    int submissions = refusedSubmissions(scene);
    int ready = refused(scene, "ready");
    boolean answered =
        within(() -> refusedSubmissions(scene) > submissions && refused(scene, "ready") > ready);
    scene
        .findings()
        .require(
            answered, "503 and not ready while PostgreSQL is " + what, scene.measures().table());
  }

  private static int refusedSubmissions(Scene scene) {
    return refused(scene, "submit") + refused(scene, "submit+wait");
  }

  private static int refused(Scene scene, String kind) {
    return scene.measures().count(kind, Measures.AWAY, 503);
  }

  private static void works(Scene scene, String when) {
    long begin = System.nanoTime();
    int stored = scene.traffic().tasks().size();
    boolean works = within(() -> scene.traffic().tasks().size() >= stored + 2 && allReady(scene));
    scene
        .findings()
        .require(works, "it works within " + LIMIT_SECONDS + " s " + when, "it does not");
    scene.note("worked %.1f s %s".formatted((System.nanoTime() - begin) / 1e9, when));
  }

  private static boolean allReady(Scene scene) {
    return scene.installation().replicas().stream()
        .allMatch(replica -> replica.get("/q/health/ready", null).statusCode() == 200);
  }

  private static boolean within(java.util.function.BooleanSupplier holds) {
    long end = System.nanoTime() + LIMIT_SECONDS * 1_000_000_000;
    while (!holds.getAsBoolean()) {
      if (System.nanoTime() > end) {
        return false;
      }
      LockSupport.parkNanos(100_000_000);
    }
    return true;
  }

  @Override
  boolean leavesTraces() {
    return true;
  }

  @Override
  void end() {
    if (standby != null) {
      standby.close();
    }
    if (primary != null) {
      primary.close();
    }
  }
}
