package io.klingtracker.faults;

import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Kling does not take one of an account's two credentials any more, first the one, then the other.
 */
@Field
final class Row57RevokedCredential extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  Row57RevokedCredential() {
    super(57, "one of two credentials revoked", "the other's tasks flow, then both; I5 I10");
  }

  @Override
  void attack(Scene scene) {
    Installation installation = scene.installation();
    Tenant tenant = installation.tenant("credentials");

    // The legacy generation is sent with the pair, the newer one with the key.
    revoke(scene, "api-key");
    List<String> waiting = submit(scene, tenant, "/kling/text-to-video/kling-3.0");
    parked(scene, "API key");
    ends(scene, submit(scene, tenant, "/kling/v1/videos/text2video"), "with the pair");
    waits(scene, waiting);
    restore(scene);
    ends(scene, waiting, "once the key is taken again");

    revoke(scene, "key-pair");
    waiting = submit(scene, tenant, "/kling/v1/videos/text2video");
    parked(scene, "access and secret key");
    ends(scene, submit(scene, tenant, "/kling/text-to-video/kling-3.0"), "with the key");
    waits(scene, waiting);
    restore(scene);
    ends(scene, waiting, "once the pair is taken again");
  }

  private static void revoke(Scene scene, String credential) {
    FaultRule rule = FaultRule.on(Operation.REQUEST, new Fault.Revoked(credential));
    scene.installation().servers().klings().forEach(kling -> kling.fault(rule));
  }

  /** Mended, as an operator says; the next probe would find out as well. */
  private static void restore(Scene scene) {
    Installation installation = scene.installation();
    installation.servers().klings().forEach(KlingSimulator::mend);
    for (String account : List.of("default", "signed")) {
      Calls.Answer resumed =
          installation
              .calls()
              .post(
                  installation.url() + "/admin/v1/accounts/" + account + "/resume",
                  Installation.ADMIN_KEY,
                  "{}");
      scene.findings().require(resumed.ok(), "an account is resumed", resumed.toString());
    }
  }

  private static List<String> submit(Scene scene, Tenant tenant, String path) {
    Installation installation = scene.installation();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Calls.Answer answer =
          installation
              .calls()
              .post(
                  installation.url() + path,
                  tenant.apiKey(),
                  path.contains("/v1/")
                      ? "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}"
                      : "{\"prompt\":\"a cat\"}");
      String id =
          answer.json().path("data").path("task_id").asText(answer.json().at("/data/id").asText());
      scene.findings().require(answer.ok() && !id.isEmpty(), "a task is taken", answer.toString());
      ids.add(id);
    }
    return ids;
  }

  /** Operators see which of the two it is. */
  private static void parked(Scene scene, String credential) {
    Installation installation = scene.installation();
    String shown = "";
    long end = System.nanoTime() + LIMIT.toNanos();
    while (System.nanoTime() < end && !shown.contains("\"credential\":\"" + credential + "\"")) {
      scene.watch(Duration.ofMillis(300));
      shown =
          installation
              .calls()
              .get(installation.url() + "/admin/v1/accounts", Installation.ADMIN_KEY)
              .body();
    }
    scene
        .findings()
        .require(
            shown.contains("\"credential\":\"" + credential + "\""),
            "the credential that is refused is shown apart",
            shown);
  }

  private static void waits(Scene scene, List<String> tasks) {
    long queued =
        scene
            .installation()
            .sql()
            .number(
                "select count(*) from task where id = any(?) and status = 'queued'",
                (Object) tasks.toArray(new String[0]));
    scene
        .findings()
        .require(
            queued == tasks.size(), "what is refused waits and does not fail", queued + " wait");
  }

  private static void ends(Scene scene, List<String> tasks, String when) {
    long ended = 0;
    long end = System.nanoTime() + LIMIT.toNanos();
    while (ended < tasks.size() && System.nanoTime() < end && scene.installation().isAlive()) {
      scene.watch(Duration.ofMillis(300));
      ended =
          scene
              .installation()
              .sql()
              .number(
                  "select count(*) from task where id = any(?) and status = 'succeed'",
                  (Object) tasks.toArray(new String[0]));
    }
    scene
        .findings()
        .require(ended == tasks.size(), "tasks flow " + when, ended + " of " + tasks.size());
  }

  @Override
  boolean leavesTraces() {
    return true;
  }
}
