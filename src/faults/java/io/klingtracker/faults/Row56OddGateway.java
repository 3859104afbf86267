package io.klingtracker.faults;

import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Operation;
import io.klingtracker.simulator.RandomFaults;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Everything that requests to Kling meet in the field, together and at random: a gateway's pages,
 * redirects, empty answers, lists that fail, are missing or leave out, revoked credentials, bursts
 * of 1303, answers that come too late.
 */
@Field
final class Row56OddGateway extends Row {

  /** Of the matches of each fault; some twenty are on order for each kind of request. */
  private static final double SHARE = 0.03;

  /** Silence that the service takes for no answer; the whole exchange may take twice as long. */
  private static final Duration READ_LIMIT = Duration.ofSeconds(3);

  private static final Duration LONGEST = Duration.ofSeconds(8);

  /** A task may be lost more than once, and its doubt lasts ten seconds each time. */
  private static final Duration END_LIMIT = Duration.ofMinutes(5);

  private static final String HELD =
      """
      select o.task_id from open_task o left join dispatch_queue q on q.task_id = o.task_id
      where q.task_id is null or q.sent_at is null""";

  Row56OddGateway() {
    super(
        56,
        "gateways, lists and credentials as in the field",
        "I5 I10, no slot held by what Kling did not accept");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    String name = "gateway";
    stage.servers().postgres().ensureDatabase(name);
    return stage.installation(
        1,
        Installation.Place.at(
            stage.servers().postgres().jdbcUrl(name),
            Map.of(
                "kling.timeout.read", READ_LIMIT.toSeconds() + "s",
                "tracker.dispatch.resend-after", "10s",
                "tracker.dispatch.retry-cap", "10s",
                "tracker.dispatch.probe.first", "2s",
                "tracker.dispatch.probe.cap", "10s",
                "tracker.dispatch.breaker.open-cap", "10s")));
  }

  @Override
  void attack(Scene scene) {
    Installation installation = scene.installation();
    for (KlingSimulator kling : installation.servers().klings()) {
      List<FaultRule> rules = RandomFaults.all(scene.random(), SHARE, LONGEST);
      // What a callback says is row 29's and 52's; here it cannot be distinguished from forgery.
      rules.stream().filter(rule -> rule.on() != Operation.CALLBACK).forEach(kling::fault);
    }
    long end = System.nanoTime() + scene.run().seconds(120).toNanos();
    while (System.nanoTime() < end && installation.isAlive()) {
      scene.watch(Duration.ofSeconds(1));
      held(scene);
    }
    installation.servers().klings().forEach(KlingSimulator::mend);
    scene.measures().phase("healed");
    List<String> before = List.copyOf(scene.traffic().tasks());
    long open = open(scene, before);
    scene.note("%d of %d tasks open when Kling was well again".formatted(open, before.size()));
    long last = System.nanoTime() + END_LIMIT.toNanos();
    while (open > 0 && System.nanoTime() < last && installation.isAlive()) {
      scene.watch(Duration.ofMillis(500));
      held(scene);
      open = open(scene, before);
    }
    scene.findings().require(open == 0, "I10 every task ends", open + " have not");
    scene.note(
        "ended: "
            + installation.sql().rows("select status, count(*) from task group by 1 order by 1"));
  }

  private static long open(Scene scene, List<String> tasks) {
    return scene
        .installation()
        .sql()
        .number(
            "select count(*) from task where finished_at is null and id = any(?)",
            (Object) tasks.toArray(new String[0]));
  }

  /** The slots first: what was accepted meanwhile is in Kling's ledger then. */
  private static void held(Scene scene) {
    Set<String> held =
        scene.installation().sql().rows(HELD).stream()
            .map(row -> row.get(0))
            .collect(Collectors.toSet());
    scene
        .installation()
        .creates()
        .forEach(create -> held.remove(String.valueOf(create.externalId())));
    scene
        .findings()
        .require(held.isEmpty(), "no slot is held by what was not accepted", held.toString());
  }

  @Override
  void afterwards(Scene scene) {
    long held =
        scene
            .installation()
            .sql()
            .number(
                "select count(*) from open_task o join task t on t.id = o.task_id where t.tenant_id = ?",
                Installation.HONEST.id());
    scene.findings().require(held == 0, "every slot is given back", held + " are held");
  }

  @Override
  boolean leavesTraces() {
    return true;
  }
}
