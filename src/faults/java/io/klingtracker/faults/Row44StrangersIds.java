package io.klingtracker.faults;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.faults.Attacker.Answer;
import io.klingtracker.faults.Routes.Route;
import io.klingtracker.simulator.Ledger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Every route, asked by a stranger with the honest tenant's ids, hosts and cursors. */
@Attack
final class Row44StrangersIds extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final int AT_ONCE = 8;
  private static final String JSON = "Content-Type: application/json\r\n";

  /** What belongs to somebody, and something of the same form that belongs to nobody. */
  private record Id(String theirs, String nobodys) {}

  Row44StrangersIds() {
    super(44, "every route with another tenant's ids", "as if they did not exist; I8");
  }

  @Override
  void attack(Scene scene) throws Exception {
    Installation installation = scene.installation();
    Tenant stranger =
        installation.key(
            installation.tenant("stranger"), "\"submit\",\"read\",\"webhooks\",\"erase\"");
    Ledger.Create create = scene.traffic().creates(installation.servers().plain()).get(0);
    String task = String.valueOf(create.externalId());
    List<Id> tasks =
        List.of(
            new Id(task, "task_" + "0".repeat(26)),
            new Id(honest(scene, "/v1/tasks/" + task).path("external_task_id").asText(), "no-such"),
            new Id(create.taskId(), "900000000000000001"));
    String delivery =
        honest(scene, "/v1/webhooks/deliveries?limit=1").at("/deliveries/0/id").asText();
    Id deliveries = new Id(delivery, UUID.randomUUID().toString());
    Id host =
        new Id(
            installation.servers().sink().url().replaceFirst("http://([^/]*)/.*", "$1"),
            "127.0.0.1:1");
    Id account = new Id("default", "no-such");
    List<Runnable> questions = new ArrayList<>();
    for (Route route : Routes.of(installation)) {
      if (route.isCallback() || route.parameters().isEmpty() && !route.isAdmin()) {
        continue;
      }
      for (Id id : ids(route, tasks, deliveries, host, account)) {
        questions.add(() -> compare(scene, route, id, stranger));
      }
    }
    ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
    try {
      for (Future<?> question : questions.stream().map(threads::submit).toList()) {
        question.get();
      }
    } finally {
      threads.shutdownNow();
    }
    spellings(scene);
    filters(scene, stranger, tasks, create);
    cursors(scene, stranger);
    Calls.Answer after =
        installation
            .calls()
            .get(installation.url() + "/v1/tasks/" + task, Installation.HONEST.apiKey());
    scene.findings().require(after.ok(), "I8 the owner's task is untouched", after.toString());
    scene.note(questions.size() + " routes and ids compared with those of nobody");
  }

  /** A key that may only submit reads nothing, however the path is spelled. */
  private static void spellings(Scene scene) {
    Installation installation = scene.installation();
    Tenant submits = installation.key(installation.tenant("submits"), "\"submit\"");
    for (String path :
        List.of(
            "/kling/tasks",
            "/kling/tasks/",
            "/kling/tasks/.",
            "/kling/x/../tasks",
            "/kling//tasks",
            "/kling/tasks;a=b/",
            "/KLING/tasks",
            "/%6bling/tasks",
            "/v1/tasks/batch",
            "/v1/tasks/batch/",
            "/v1/tasks/batch/.",
            "/v1/tasks/batch;a=b",
            "/v1//tasks/batch")) {
      byte[] request =
          Attacker.request(
              "POST",
              path,
              submits.apiKey(),
              JSON,
              "{\"ids\":[],\"limit\":1}".getBytes(StandardCharsets.UTF_8));
      Answer answer = scene.attacker().send(scene.port(), request, LIMIT);
      scene
          .findings()
          .require(
              answer.status() >= 400 && answer.status() < 500,
              "a key that may only submit reads nothing",
              path + ": " + answer);
    }
  }

  private static List<Id> ids(Route route, List<Id> tasks, Id delivery, Id host, Id account) {
    if (route.isAdmin()) {
      return List.of(account);
    }
    if (route.path().startsWith("/v1/webhooks/deliveries")) {
      return List.of(delivery);
    }
    if (route.path().startsWith("/v1/webhooks/hosts")) {
      return List.of(host);
    }
    return tasks;
  }

  private static JsonNode honest(Scene scene, String path) {
    Installation installation = scene.installation();
    return installation.calls().get(installation.url() + path, Installation.HONEST.apiKey()).json();
  }

  private static Answer ask(Scene scene, Route route, String id, Tenant stranger) {
    byte[] body = (route.takesBody() ? "{}" : "").getBytes(StandardCharsets.UTF_8);
    byte[] request =
        Attacker.request(route.method(), route.path(name -> id), stranger.apiKey(), JSON, body);
    return scene.attacker().send(scene.port(), request, LIMIT);
  }

  private static void compare(Scene scene, Route route, Id id, Tenant stranger) {
    Answer theirs = ask(scene, route, id.theirs(), stranger);
    Answer nobodys = ask(scene, route, id.nobodys(), stranger);
    String what = route + " with " + id + ": " + theirs + " and " + nobodys;
    if (route.isAdmin()) {
      scene
          .findings()
          .require(
              theirs.status() == 401 || theirs.status() == 403,
              "I8 a tenant's key is no administrator's",
              what);
      return;
    }
    boolean absent =
        route.path().startsWith("/kling")
            ? theirs.status() >= 400 && theirs.status() < 500
            : theirs.status() == 404 || theirs.status() == 405;
    scene.findings().require(absent, "I8 another tenant's id is 404", what);
    scene
        .findings()
        .require(
            plain(theirs, id.theirs()).equals(plain(nobodys, id.nobodys())),
            "I8 another tenant's id is answered as nobody's",
            what);
    leak(scene, route.toString(), theirs.body(), id.theirs());
  }

  /** An answer without what must differ. */
  private static String plain(Answer answer, String id) {
    return answer.status()
        + " "
        + answer
            .body()
            .replace(id, "ID")
            .replaceAll("\"(request_id|instance)\":\"[^\"]*\"", "\"$1\":\"\"");
  }

  private static void leak(Scene scene, String what, String body, String given) {
    String rest = body.replace(given, "");
    scene
        .findings()
        .require(
            !rest.contains(HonestTraffic.MARK), "I8 nothing crosses tenants", what + ": " + body);
  }

  /** Ids in bodies and parameters of routes that have none in their path. */
  private static void filters(Scene scene, Tenant stranger, List<Id> tasks, Ledger.Create create) {
    Map<String, String> posts = new LinkedHashMap<>();
    List<String> gets = new ArrayList<>();
    for (Id id : tasks) {
      posts.put("/v1/tasks/batch " + id, "{\"ids\":[\"" + id.theirs() + "\"]}");
      gets.add("/v1/tasks?external_task_id=" + id.theirs());
      gets.add("/v1/webhooks/deliveries?task_id=" + id.theirs());
      gets.add("/kling/tasks?task_ids=" + id.theirs());
      gets.add("/kling/tasks?external_task_ids=" + id.theirs());
    }
    gets.add("/v1/tasks?limit=200");
    gets.add("/v1/events?limit=200");
    gets.add("/v1/usage");
    gets.add("/v1/webhooks/hosts");
    gets.add("/v1/webhooks/deliveries?limit=200");
    gets.add("/kling/v1/videos/text2video?pageNum=1&pageSize=500");
    posts.put("/kling/tasks", "{\"limit\":500}");
    for (String path : gets) {
      Answer answer =
          scene
              .attacker()
              .send(
                  scene.port(),
                  Attacker.request("GET", path, stranger.apiKey(), "", new byte[0]),
                  LIMIT);
      leak(scene, "GET " + path, answer.body(), value(path));
      leakId(scene, "GET " + path, answer.body(), create, value(path));
    }
    posts.forEach(
        (path, body) -> {
          Answer answer =
              scene
                  .attacker()
                  .send(
                      scene.port(),
                      Attacker.request(
                          "POST",
                          path.split(" ")[0],
                          stranger.apiKey(),
                          JSON,
                          body.getBytes(StandardCharsets.UTF_8)),
                      LIMIT);
          String given = body.replaceAll(".*\\[\"|\"].*", "");
          leak(scene, "POST " + path, answer.body(), given);
          leakId(scene, "POST " + path, answer.body(), create, given);
        });
  }

  private static String value(String path) {
    return path.contains("=") ? path.substring(path.indexOf('=') + 1) : "\0";
  }

  /** Neither of the ids that were not given. */
  private static void leakId(
      Scene scene, String what, String body, Ledger.Create create, String given) {
    for (String id : List.of(String.valueOf(create.externalId()), create.taskId())) {
      scene
          .findings()
          .require(id.equals(given) || !body.contains(id), "I8 no id crosses tenants", what + body);
    }
  }

  private static void cursors(Scene scene, Tenant stranger) {
    for (String list : List.of("/v1/tasks", "/v1/events", "/v1/webhooks/deliveries")) {
      String cursor = honest(scene, list + "?limit=1").path("next_cursor").asText();
      String name = list.equals("/v1/events") ? "after" : "cursor";
      String path =
          list + "?" + name + "=" + java.net.URLEncoder.encode(cursor, StandardCharsets.UTF_8);
      Answer answer =
          scene
              .attacker()
              .send(
                  scene.port(),
                  Attacker.request("GET", path, stranger.apiKey(), "", new byte[0]),
                  LIMIT);
      scene
          .findings()
          .require(
              !cursor.isEmpty() && answer.status() == 400,
              "I8 a cursor is good for its tenant alone",
              list + ": " + answer);
      leak(scene, list, answer.body(), cursor);
    }
  }
}
