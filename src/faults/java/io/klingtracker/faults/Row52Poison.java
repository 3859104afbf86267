package io.klingtracker.faults;

import io.klingtracker.faults.Attacker.Answer;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Poison in one callback, in one answer of Kling's, in one receiver's answer. */
@Attack
final class Row52Poison extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final String JSON = "Content-Type: application/json\r\n";

  private final List<Tenant> poisoners = new ArrayList<>();

  Row52Poison() {
    super(52, "poison in one item", "it is set aside or noted, all others flow; I2 I10");
  }

  @Override
  void attack(Scene scene) {
    Installation installation = scene.installation();
    Tenant poisoner = installation.tenant("poison");
    poisoners.add(poisoner);
    callbacks(scene).forEach((name, body) -> callback(scene, poisoner, name, body));
    answers(scene).forEach((name, body) -> answer(scene, poisoner, name, body));
    receivers(scene, poisoner);
    scene.watch(scene.run().seconds(40));
    flows(scene, "beside poison");
    if (installation.replicas().size() > 1) {
      return;
    }
    scene.measures().phase(Measures.DOWN);
    installation.service().kill();
    installation.service().start();
    scene.measures().phase("restarted");
    scene.watch(scene.run().seconds(20));
    flows(scene, "after a restart");
  }

  /** A new submission reaches its end: in time, however slow the machine. */
  private static void flows(Scene scene, String when) {
    int known = scene.traffic().tasks().size();
    long end = System.nanoTime() + Duration.ofSeconds(45).toNanos();
    boolean flows = false;
    while (!flows && System.nanoTime() < end && scene.installation().isAlive()) {
      scene.watch(Duration.ofMillis(300));
      List<String> later =
          new ArrayList<>(scene.traffic().tasks()).subList(known, scene.traffic().tasks().size());
      flows =
          !later.isEmpty()
              && scene
                      .installation()
                      .sql()
                      .number(
                          "select count(*) from task_event where task_id = any(?) and status = 'succeed'",
                          (Object) later.toArray(new String[0]))
                  > 0;
    }
    scene
        .findings()
        .require(flows, "others flow beside poison", when + " no honest task has ended in 45 s");
  }

  private static Map<String, String> callbacks(Scene scene) {
    Map<String, String> bodies = new LinkedHashMap<>();
    bodies.put("U+0000 in task_id", "{\"task_id\":\"1\\u0000\",\"task_status\":\"succeed\"}");
    bodies.put(
        "a status word of 3 kB",
        "{\"task_id\":\"2\",\"task_status\":\"" + noise(scene.random(), 3_000) + "\"}");
    bodies.put("U+0000 in the newer id", "{\"id\":\"\\u0000\",\"status\":\"failed\"}");
    bodies.put(
        "U+0000 in the result",
        "{\"task_id\":\"3\",\"task_status\":\"succeed\",\"task_result\":{\"videos\":[{\"id\":\"a\\u0000\","
            + "\"url\":\"http://localhost/\\u0000.mp4\"}]}}");
    bodies.put(
        "half a pair in the message",
        "{\"task_id\":\"4\",\"task_status\":\"failed\",\"task_status_msg\":\"\\ud800\"}");
    bodies.put(
        "a task_id of 100 kB",
        "{\"task_id\":\"" + noise(scene.random(), 100_000) + "\",\"task_status\":\"failed\"}");
    bodies.put(
        "a time without end",
        "{\"task_id\":\"5\",\"task_status\":\"failed\",\"created_at\":9223372036854775807,"
            + "\"updated_at\":1e300}");
    bodies.put(
        "units without end",
        "{\"task_id\":\"6\",\"task_status\":\"failed\",\"final_unit_deduction\":\"1E+200000\"}");
    return bodies;
  }

  /** Text that does not compress. */
  private static String noise(Random random, int length) {
    StringBuilder text = new StringBuilder();
    while (text.length() < length) {
      text.append(Long.toString(random.nextLong() & Long.MAX_VALUE, 36));
    }
    return text.substring(0, length);
  }

  private static void callback(Scene scene, Tenant poisoner, String name, String body) {
    Calls.Answer tracked =
        track(scene, poisoner, "{\"kind\":\"text2video\",\"account\":\"default\"}");
    Answer answer =
        scene
            .attacker()
            .send(
                scene.port(),
                Attacker.request(
                    "POST",
                    Scene.path(tracked.json().path("callback_url").asText()),
                    null,
                    JSON,
                    body.getBytes(StandardCharsets.UTF_8)),
                LIMIT);
    scene
        .findings()
        .require(
            answer.status() == 200 || answer.status() == 400,
            "poison with a right token is 200 or 400",
            name + ": " + answer);
  }

  private static Calls.Answer track(Scene scene, Tenant poisoner, String body) {
    Installation installation = scene.installation();
    Calls.Answer tracked =
        installation.calls().post(installation.url() + "/v1/tasks/track", poisoner.apiKey(), body);
    scene.findings().require(tracked.ok(), "the scene is set", tracked.toString());
    return tracked;
  }

  /** Kling's answers to the question about one task, by what is wrong with them. */
  private static Map<String, String> answers(Scene scene) {
    String task =
        "{\"code\":0,\"message\":\"SUCCEED\",\"request_id\":\"r\",\"data\":{\"task_id\":\"%s\","
            + "\"task_status\":\"succeed\",\"created_at\":1795373427283,\"updated_at\":1795373433605,%s}}";
    Map<String, String> bodies = new LinkedHashMap<>();
    bodies.put("units", task.formatted("%s", "\"final_unit_deduction\":\"1E+200000\""));
    bodies.put(
        "result",
        task.formatted(
            "%s", "\"task_result\":{\"videos\":[{\"id\":\"\\u0000\",\"url\":\"\\ud800\"}]}"));
    bodies.put("message", task.formatted("%s", "\"task_status_msg\":\"a\\u0000b\""));
    bodies.put(
        "message of 1 MB",
        task.formatted("%s", "\"task_status_msg\":\"" + noise(scene.random(), 1_000_000) + "\""));
    bodies.put("times", task.formatted("%s", "\"updated_at\":9223372036854775807"));
    return bodies;
  }

  private static void answer(Scene scene, Tenant poisoner, String name, String body) {
    String id = Long.toString(7_000_000_000_000_000L + scene.random().nextInt(1_000_000));
    scene
        .installation()
        .servers()
        .plain()
        .fault(FaultRule.on(Operation.QUERY, new Fault.Answer(200, body.formatted(id))).task(id));
    Calls.Answer tracked =
        track(
            scene,
            poisoner,
            "{\"kind\":\"text2video\",\"account\":\"default\",\"kling_task_id\":\"" + id + "\"}");
    scene.note("%s at %s".formatted(name, tracked.json().path("task_id").asText()));
  }

  /** A receiver whose answer cannot be stored as it is. */
  private static void receivers(Scene scene, Tenant poisoner) {
    Installation installation = scene.installation();
    for (String url : List.of("http://127.0.0.1:1/a%00b", "http://127.0.0.1:1/")) {
      installation
          .calls()
          .post(
              installation.url() + "/kling/v1/videos/text2video",
              poisoner.apiKey(),
              "{\"model_name\":\"kling-v2-6\",\"prompt\":\"\\u0001 \\uD83D\\uDE00\",\"callback_url\":\""
                  + url
                  + "\"}");
    }
  }

  @Override
  void afterwards(Scene scene) {
    Installation installation = scene.installation();
    Calls.Answer aside =
        installation
            .calls()
            .get(installation.url() + "/admin/v1/set-aside", Installation.ADMIN_KEY);
    scene
        .findings()
        .require(aside.ok(), "what is set aside is listed", "GET /admin/v1/set-aside: " + aside);
    scene.note("set aside: " + aside.body());
    long pending =
        installation.sql().number("select count(*) from callback_pending where attempts > 100");
    scene
        .findings()
        .require(pending == 0, "nothing is tried without end", pending + " callbacks above 100");
    for (Tenant poisoner : poisoners) {
      for (List<String> row :
          installation.sql().rows("select id from task where tenant_id = ?", poisoner.id())) {
        read(scene, poisoner, row.get(0));
      }
    }
  }

  /** What was poisoned can still be read, on every front. */
  private static void read(Scene scene, Tenant poisoner, String task) {
    Installation installation = scene.installation();
    for (String path :
        List.of(
            "/v1/tasks/" + task,
            "/v1/tasks/" + task + "/timeline",
            "/v1/tasks/" + task + "/explain",
            "/v1/webhooks/deliveries?task_id=" + task,
            "/kling/v1/videos/text2video/" + task)) {
      Calls.Answer answer = installation.calls().get(installation.url() + path, poisoner.apiKey());
      scene.findings().require(answer.ok(), "what was poisoned can be read", path + ": " + answer);
    }
  }
}
