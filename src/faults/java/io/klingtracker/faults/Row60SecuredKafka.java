package io.klingtracker.faults;

import io.klingtracker.local.ServiceProcess;
import java.time.Duration;

/**
 * Kafka wants a password over TLS: first it gets a wrong one, as where somebody has just changed
 * it, then the right one.
 */
@Field
final class Row60SecuredKafka extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  Row60SecuredKafka() {
    super(
        60,
        "Kafka with SASL over TLS, first with a wrong password",
        "ready all the time, health says why nothing goes out, then all events arrive");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    stage.servers().postgres().ensureDatabase("secured");
    return stage.installation(
        1,
        Installation.Place.at(
            stage.servers().postgres().jdbcUrl("secured"),
            stage.servers().securedKafka().service(false)));
  }

  @Override
  void attack(Scene scene) throws Exception {
    Installation installation = scene.installation();
    ServiceProcess service = installation.service();
    String well = "";
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!well.contains("uthentication failed") && System.nanoTime() < end) {
      well = installation.calls().get(installation.url() + "/q/health/well", null).body();
      scene.watch(Duration.ofMillis(200));
    }
    scene
        .findings()
        .require(well.contains("uthentication failed"), "health says what is wrong", well);
    scene
        .findings()
        .require(installation.sql().number("select count(*) from outbox") > 0, "events wait", "");
    scene.measures().phase(Measures.DOWN);
    service.stop();
    installation.servers().securedKafka().service(true).forEach(service::with);
    service.start();
    scene.measures().phase("right password");
    scene.watch(scene.run().seconds(8));
  }

  @Override
  boolean leavesTraces() {
    return true;
  }
}
