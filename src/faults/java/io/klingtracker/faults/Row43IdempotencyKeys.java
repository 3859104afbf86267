package io.klingtracker.faults;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;

/** One Idempotency-Key: fifty at once, with another body, by another tenant. */
@Attack
final class Row43IdempotencyKeys extends Row {

  private static final int AT_ONCE = 50;
  private static final int ROUNDS = 10;
  private static final String BODY =
      "{\"model_name\":\"kling-v3\",\"prompt\":\"%s\",\"duration\":\"5\"}";

  Row43IdempotencyKeys() {
    super(43, "one Idempotency-Key used again", "one task, 422, tenants apart; I1 I5");
  }

  @Override
  void attack(Scene scene) throws Exception {
    Installation installation = scene.installation();
    Tenant one = installation.tenant("keys");
    Tenant other = installation.tenant("keys");
    ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
    try {
      int rounds = Math.max(2, (int) (ROUNDS * scene.run().scale()));
      for (int round = 0; round < rounds; round++) {
        String key = "same-" + scene.random().nextLong();
        List<Callable<Calls.Answer>> calls = new ArrayList<>();
        for (int i = 0; i < AT_ONCE; i++) {
          calls.add(() -> submit(installation, one, key, "first"));
        }
        List<Calls.Answer> answers = new ArrayList<>();
        for (Future<Calls.Answer> answer : threads.invokeAll(calls)) {
          answers.add(answer.get());
        }
        oneTask(scene, one, key, answers);
        Calls.Answer changed = submit(installation, one, key, "another body");
        scene
            .findings()
            .require(
                changed.status() == 422 && changed.json().path("code").asInt() == 1201,
                "another body under the same key is 422 / 1201",
                changed.toString());
        Calls.Answer apart = submit(installation, other, key, "another tenant");
        scene
            .findings()
            .require(
                apart.ok() && !ids(answers).contains(id(apart)),
                "another tenant's key is another key",
                apart.toString());
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private static Calls.Answer submit(
      Installation installation, Tenant tenant, String key, String prompt) {
    return installation
        .calls()
        .send(
            "POST",
            installation.url() + "/kling/v1/videos/text2video",
            tenant.apiKey(),
            BODY.formatted(prompt),
            Map.of("Idempotency-Key", key),
            Calls.LIMIT);
  }

  private static void oneTask(Scene scene, Tenant tenant, String key, List<Calls.Answer> answers) {
    Set<String> ids = ids(answers);
    scene
        .findings()
        .require(ids.size() == 1, "I1 fifty at once are one task", ids + " under " + key);
    for (Calls.Answer answer : answers) {
      scene
          .findings()
          .require(
              List.of(200, 409, 429, 503).contains(answer.status()),
              "a repeat gets the same answer, or is told to wait",
              answer.toString());
    }
    long stored =
        scene
            .installation()
            .sql()
            .number(
                "select count(*) from idempotency_key where tenant_id = ? and key = ?",
                tenant.id(),
                key);
    scene.findings().require(stored == 1, "I1 one row for one key", stored + " for " + key);
    for (String id : ids) {
      long tasks = scene.installation().sql().number("select count(*) from task where id = ?", id);
      scene.findings().require(tasks == 1, "I1 what was answered exists", id);
    }
    Calls.Answer again = submit(scene.installation(), tenant, key, "first");
    scene
        .findings()
        .require(ids.contains(id(again)), "I1 a retry finds the same task", again + ", not " + ids);
  }

  private static Set<String> ids(List<Calls.Answer> answers) {
    return answers.stream()
        .filter(Calls.Answer::ok)
        .map(Row43IdempotencyKeys::id)
        .collect(Collectors.toSet());
  }

  private static String id(Calls.Answer answer) {
    return answer.json().at("/data/task_id").asText();
  }
}
