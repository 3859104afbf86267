package io.klingtracker.faults;

import java.util.Map;

/**
 * Two replicas start together on an empty database, which both migrate and both give its first
 * tenant.
 */
@Field
final class Row51TwoAtOnce extends Row {

  Row51TwoAtOnce() {
    super(51, "two replicas start together on an empty database", "both ready, one first tenant");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    String name = "together";
    stage.servers().postgres().ensureDatabase(name);
    return stage.installation(
        2, Installation.Place.at(stage.servers().postgres().jdbcUrl(name), Map.of()));
  }

  @Override
  void attack(Scene scene) {
    // Both were awaited until they were ready; it is their start that was the attack.
    Installation installation = scene.installation();
    installation
        .replicas()
        .forEach(
            replica ->
                scene
                    .findings()
                    .require(
                        !replica.log().contains(" ERROR "),
                        "no error at the start",
                        replica.url()));
    scene
        .findings()
        .require(
            installation.sql().number("select count(*) from api_key where name = 'bootstrap'") == 1,
            "the first key is made once",
            "");
    scene.watch(scene.run().seconds(10));
  }

  @Override
  boolean leavesTraces() {
    return true;
  }
}
