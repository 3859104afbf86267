package io.klingtracker.faults;

import io.klingtracker.simulator.Ledger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** Callbacks from anybody but Kling. */
@Attack
final class Row29ForgedCallbacks extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final int VICTIMS = 10;
  private static final int FLOOD = 2_000;
  private static final int REPLAYS = 200;

  Row29ForgedCallbacks() {
    super(29, "forged callbacks", "401, and nothing is written; I6 I9");
  }

  @Override
  void attack(Scene scene) {
    Servers servers = scene.installation().servers();
    List<String> victims = ended(scene);
    List<Ledger.Create> plain = creates(servers.plain().ledger(), victims);
    List<Ledger.Create> signed = creates(servers.signing().ledger(), victims);
    if (plain.size() < 2 || signed.isEmpty()) {
      scene.findings().add("the scene is set", "too few tasks at both Klings");
      return;
    }
    Ledger.Create victim = plain.get(0);
    String victimPath = Scene.path(victim.callbackUrl());
    String other = Scene.path(plain.get(1).callbackUrl());
    String token = victimPath.substring(victimPath.lastIndexOf('/') + 1);
    String id = String.valueOf(victim.externalId());

    expect(scene, "without a token", "/callbacks/kling/" + id, victim, 404);
    expect(scene, "with an empty token", "/callbacks/kling/" + id + "/", victim, 404);
    expect(scene, "with a wrong token", "/callbacks/kling/" + id + "/" + flip(token), victim, 401);
    expect(
        scene,
        "with another task's token",
        "/callbacks/kling/" + id + other.substring(other.lastIndexOf('/')),
        victim,
        401);
    expect(
        scene,
        "unsigned where Kling signs",
        Scene.path(signed.get(0).callbackUrl()),
        signed.get(0),
        401);

    replay(scene, victim, victimPath);
    flood(scene);
  }

  private static List<Ledger.Create> creates(Ledger ledger, List<String> tasks) {
    return ledger.creates(create -> tasks.contains(String.valueOf(create.externalId())));
  }

  /** Tasks that nobody else touches any more, so that every row written of them is the forger's. */
  private static List<String> ended(Scene scene) {
    Installation installation = scene.installation();
    Tenant tenant = installation.tenant("victim");
    List<String> tasks = new ArrayList<>();
    for (int i = 0; i < VICTIMS; i++) {
      tasks.add(
          installation
              .calls()
              .post(
                  installation.url() + "/kling/v1/videos/text2video",
                  tenant.apiKey(),
                  "{\"model_name\":\"kling-v3\",\"prompt\":\"a\"}")
              .json()
              .at("/data/task_id")
              .asText());
    }
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (System.nanoTime() < end
        && installation
                .sql()
                .number(
                    "select count(*) from task where tenant_id = ? and finished_at is null",
                    tenant.id())
            > 0) {
      scene.watch(Duration.ofMillis(300));
    }
    // The last callback's receipt may still be on its way to its verdict.
    scene.watch(Duration.ofSeconds(3));
    return tasks;
  }

  private static String flip(String token) {
    char last = token.charAt(token.length() - 1) == 'A' ? 'B' : 'A';
    return token.substring(0, token.length() - 1) + last;
  }

  private static byte[] body(Ledger.Create create, String status) {
    return ("{\"task_id\":\"%s\",\"task_status\":\"%s\",\"task_status_msg\":\"forged\"}")
        .formatted(create.taskId(), status)
        .getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  private static void expect(
      Scene scene, String what, String path, Ledger.Create create, int status) {
    long before = written(scene, String.valueOf(create.externalId()));
    for (String word : List.of("processing", "failed", "succeed")) {
      Attacker.Answer answer =
          scene
              .attacker()
              .send(
                  scene.port(),
                  Attacker.request(
                      "POST", path, null, "Content-Type: application/json\r\n", body(create, word)),
                  LIMIT);
      scene
          .findings()
          .require(
              answer.status() == status,
              "a forged callback is refused",
              what + ": " + answer.status() + " instead of " + status + " " + answer.body());
    }
    scene
        .findings()
        .require(
            written(scene, String.valueOf(create.externalId())) == before,
            "a forged callback writes nothing",
            what);
  }

  private static long written(Scene scene, String task) {
    return scene
        .installation()
        .sql()
        .number(
            """
            select (select count(*) from callback_receipt where task_id = t.id)
                 + (select count(*) from task_event where task_id = t.id)
                 + (select count(*) from task_news where task_id = t.id)
              from (select cast(? as text) as id) t""",
            task);
  }

  /** The very same body again and again: answered, counted, and nothing more. */
  private static void replay(Scene scene, Ledger.Create victim, String path) {
    byte[] request =
        Attacker.request(
            "POST", path, null, "Content-Type: application/json\r\n", body(victim, "submitted"));
    Attacker.Answer first = scene.attacker().send(scene.port(), request, LIMIT);
    scene.watch(Duration.ofSeconds(2));
    long before = written(scene, String.valueOf(victim.externalId()));
    List<Callable<Attacker.Answer>> replays = new ArrayList<>();
    for (int i = 0; i < REPLAYS; i++) {
      replays.add(() -> scene.attacker().send(scene.port(), request, LIMIT));
    }
    List<Attacker.Answer> answers = scene.attacker().sendAll(replays, 16);
    long good = answers.stream().filter(answer -> answer.status() == 200).count();
    scene
        .findings()
        .require(
            first.status() == 200 && good == REPLAYS,
            "a repeated callback is answered 200",
            first.status() + ", then " + good + " of " + REPLAYS);
    scene.watch(Duration.ofSeconds(2));
    long after = written(scene, String.valueOf(victim.externalId()));
    scene
        .findings()
        .require(
            after == before,
            "a repeated callback writes no further row",
            REPLAYS + " repeats wrote " + (after - before) + " rows");
  }

  private static void flood(Scene scene) {
    List<Callable<Attacker.Answer>> flood = new ArrayList<>();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < FLOOD; i++) {
      String id =
          "task_01%024d".formatted(Math.floorMod(scene.random().nextLong(), 1_000_000_000_000L));
      ids.add(id);
      byte[] request =
          Attacker.request(
              "POST",
              "/callbacks/kling/" + id + "/" + Long.toHexString(scene.random().nextLong()),
              null,
              "Content-Type: application/json\r\n",
              "{\"task_id\":\"1\",\"task_status\":\"succeed\"}"
                  .getBytes(java.nio.charset.StandardCharsets.UTF_8));
      flood.add(() -> scene.attacker().send(scene.port(), request, LIMIT));
    }
    List<Attacker.Answer> answers = scene.attacker().sendAll(flood, 32);
    // Whoever floods may be answered 503 or hung up on; nobody may be let in.
    answers.forEach(
        answer ->
            scene
                .findings()
                .require(
                    List.of(401, 429, 503, Attacker.CLOSED).contains(answer.status()),
                    "a callback for an unknown task is refused",
                    answer.toString()));
    long written =
        scene
            .installation()
            .sql()
            .number(
                """
                select (select count(*) from callback_receipt where task_id = any(?))
                     + (select count(*) from task_news where task_id = any(?))""",
                ids.toArray(new String[0]),
                ids.toArray(new String[0]));
    scene
        .findings()
        .require(written == 0, "a flood of unknown tasks writes nothing", written + " rows");
    scene.note(
        "%d of %d flooding callbacks were answered 401"
            .formatted(answers.stream().filter(answer -> answer.status() == 401).count(), FLOOD));
  }
}
