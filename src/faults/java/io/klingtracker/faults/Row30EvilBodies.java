package io.klingtracker.faults;

import io.klingtracker.faults.Attacker.Answer;
import io.klingtracker.faults.Routes.Route;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.zip.GZIPOutputStream;

/** Bodies and parameters that no honest client sends, on every route that the service names. */
@Attack
final class Row30EvilBodies extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final int HUNDRED_MEGABYTES = 100_000_000;
  private static final int LARGE_AT_MOST = 4;
  private static final int AT_ONCE = 6;
  private static final String JSON = "Content-Type: application/json\r\n";

  /** A body with the headers that announce it. */
  private record Evil(String name, String headers, byte[] body) {}

  Row30EvilBodies() {
    super(30, "evil bodies and parameters", "never 5xx, every one is answered; I9");
  }

  @Override
  void attack(Scene scene) throws Exception {
    List<Route> routes = Routes.of(scene.installation());
    Tenant attacker = scene.installation().tenant("evil");
    String callback = track(scene, attacker);
    List<Callable<Answer>> requests = new ArrayList<>();
    List<String> names = new ArrayList<>();
    List<Evil> evils = evils();
    for (Route route : routes) {
      if (route.takesBody()) {
        for (Evil evil : evils) {
          names.add(route + ", " + evil.name());
          requests.add(
              () ->
                  send(scene, route, path(route, callback), attacker, evil.headers(), evil.body()));
        }
      }
      byte[] plain = text(route.takesBody() ? "{}" : "");
      for (String value : values()) {
        for (String path : paths(route, value)) {
          names.add(route.method() + " " + path);
          requests.add(() -> send(scene, route, path, attacker, JSON, plain));
        }
      }
    }
    some(scene, names, requests);
    large(scene, routes, attacker, callback);
  }

  private static Answer send(
      Scene scene, Route route, String path, Tenant attacker, String headers, byte[] body) {
    return scene
        .attacker()
        .send(
            scene.port(),
            Attacker.request(route.method(), path, key(route, attacker), headers, body),
            LIMIT);
  }

  /** In an order of the seed, as many as there is time for. */
  private static void some(Scene scene, List<String> names, List<Callable<Answer>> requests) {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < requests.size(); i++) {
      order.add(i);
    }
    Collections.shuffle(order, scene.random());
    long end = System.nanoTime() + scene.run().seconds(60).toNanos();
    Map<Integer, Integer> statuses = new TreeMap<>();
    int done = 0;
    while (done < order.size() && System.nanoTime() < end && scene.installation().isAlive()) {
      List<Integer> batch = order.subList(done, Math.min(order.size(), done + 60));
      List<Answer> answers =
          scene.attacker().sendAll(batch.stream().map(requests::get).toList(), AT_ONCE);
      for (int i = 0; i < batch.size(); i++) {
        judge(scene, names.get(batch.get(i)), answers.get(i), false);
        statuses.merge(answers.get(i).status(), 1, Integer::sum);
      }
      done += batch.size();
    }
    scene.note("%d of %d evil requests sent, answered %s".formatted(done, order.size(), statuses));
  }

  private static void judge(Scene scene, String what, Answer answer, boolean mayHangUp) {
    boolean putOff = answer.status() == 503 || answer.status() == 429;
    scene
        .findings()
        .require(
            answer.status() < 500 || putOff,
            "no 5xx from any byte",
            what + ": " + answer.status() + " " + answer.body());
    scene
        .findings()
        .require(
            answer.status() > 0 || (answer.status() == Attacker.CLOSED && mayHangUp),
            "everything is answered",
            what + ": " + (answer.status() == Attacker.SILENT ? "silence" : "hung up"));
  }

  /** A hundred megabytes announced and sent, or sent without an announcement. */
  private static void large(Scene scene, List<Route> routes, Tenant attacker, String callback) {
    List<Route> taking = new ArrayList<>(routes.stream().filter(Route::takesBody).toList());
    Collections.shuffle(taking, scene.random());
    List<Route> some = new ArrayList<>(taking.subList(0, Math.min(LARGE_AT_MOST, taking.size())));
    routes.stream().filter(Route::isCallback).findFirst().ifPresent(some::add);
    byte[] part = new byte[100_000];
    java.util.Arrays.fill(part, (byte) ' ');
    for (Route route : some) {
      boolean chunked = scene.random().nextBoolean();
      byte[] head =
          Attacker.head(
              route.method(),
              path(route, callback),
              key(route, attacker),
              JSON
                  + (chunked
                      ? "Transfer-Encoding: chunked\r\n"
                      : "Content-Length: " + HUNDRED_MEGABYTES + "\r\n"));
      Answer answer =
          scene
              .attacker()
              .send(
                  scene.port(),
                  out -> {
                    out.write(head);
                    for (int sent = 0; sent < HUNDRED_MEGABYTES; sent += part.length) {
                      if (chunked) {
                        out.write(
                            (Integer.toHexString(part.length) + "\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
                      }
                      out.write(part);
                      if (chunked) {
                        out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
                      }
                    }
                  },
                  LIMIT);
      judge(scene, route + ", 100 MB" + (chunked ? " in chunks" : ""), answer, true);
      scene
          .findings()
          .require(
              answer.status() < 200 || answer.status() >= 400,
              "a hundred megabytes are refused",
              route + ": " + answer.status());
    }
  }

  private static String track(Scene scene, Tenant attacker) {
    Calls.Answer answer =
        scene
            .installation()
            .calls()
            .post(
                scene.installation().url() + "/v1/tasks/track",
                attacker.apiKey(),
                "{\"kind\":\"text2video\",\"account\":\"default\",\"external_task_id\":\"evil-"
                    + scene.random().nextInt()
                    + "\"}");
    if (!answer.ok()) {
      throw new IllegalStateException("track: " + answer);
    }
    return Scene.path(answer.json().path("callback_url").asText());
  }

  private static String key(Route route, Tenant attacker) {
    return route.isAdmin() ? Installation.ADMIN_KEY : attacker.apiKey();
  }

  /** Names nothing that exists: what administrators may do to what exists is no attack. */
  private static String path(Route route, String callback) {
    return route.isCallback() ? callback : route.path(name -> "nobody");
  }

  /** The route with an evil value in one parameter after the other. */
  private static List<String> paths(Route route, String value) {
    List<String> paths = new ArrayList<>();
    if (route.isStream() || route.isCallback()) {
      return paths;
    }
    for (String evil : route.parameters()) {
      paths.add(route.path(name -> name.equals(evil) ? value : "nobody"));
    }
    String plain = route.path(name -> "nobody");
    route.query().forEach(name -> paths.add(plain + "?" + name + "=" + value));
    return paths;
  }

  private static List<String> values() {
    return List.of(
        "a%00b",
        "%ff%fe",
        "%ED%A0%80",
        "..",
        "%2e%2e%2f",
        "-1",
        "1e999999",
        "99999999999999999999",
        "%2B999999999-01-01T00:00:00Z",
        "%F0%9F%98%80".repeat(200),
        "x".repeat(3_000));
  }

  private static List<Evil> evils() throws IOException {
    Map<String, byte[]> bodies = new LinkedHashMap<>();
    bodies.put("nothing", new byte[0]);
    bodies.put("cut off", text("{\"prompt\":\"a"));
    bodies.put("an array", text("[1,2,3]"));
    bodies.put("a text", text("\"text\""));
    bodies.put("null", text("null"));
    bodies.put("10^5 arrays deep", text("[".repeat(100_000) + "]".repeat(100_000)));
    bodies.put("10^5 objects deep", text("{\"prompt\":".repeat(50_000) + "1" + "}".repeat(50_000)));
    bodies.put(
        "duplicate keys",
        text(
            "{\"kind\":\"text2video\",\"kind\":\"image2video\",\"prompt\":\"a\",\"prompt\":\"b\","
                + "\"task_id\":\"1\",\"task_id\":\"2\",\"task_status\":\"failed\"}"));
    bodies.put("NaN", text("{\"duration\":NaN,\"cfg_scale\":Infinity,\"limit\":-Infinity}"));
    bodies.put(
        "numbers without end",
        text(
            "{\"duration\":1e999999,\"limit\":-1e400,\"units_per_day\":1E+200000,\"rate\":1e-999999,"
                + "\"id\":\"n\",\"name\":\"n\",\"weight\":99999999999999999999,\"start_time\":1e30,"
                + "\"task_id\":\"7\",\"task_status\":\"succeed\",\"final_unit_deduction\":\"1E+200000\"}"));
    bodies.put("U+0000 by its byte", text("{\"prompt\":\"a\0b\",\"task_id\":\"1\0\"}"));
    bodies.put("U+0000 escaped", all("\\u0000"));
    bodies.put("half of a pair", all("\\ud800"));
    bodies.put("years", all("+999999999-12-31T23:59:59Z"));
    bodies.put(
        "wrong types",
        text(
            "{\"prompt\":{\"a\":[1]},\"model_name\":[],\"kind\":{},\"ids\":\"x\",\"url\":7,\"id\":[],"
                + "\"name\":{},\"scopes\":7,\"models\":[],\"since\":{},\"task_id\":{},\"task_status\":[]}"));
    bodies.put("bad UTF-8", bytes("{\"prompt\":\"", new byte[] {(byte) 0xff, (byte) 0xc0}, "\"}"));
    List<Evil> evils = new ArrayList<>();
    bodies.forEach((name, body) -> evils.add(new Evil(name, JSON, body)));
    evils.add(new Evil("a gzip bomb", JSON + "Content-Encoding: gzip\r\n", bomb()));
    evils.add(new Evil("a picture", "Content-Type: image/png\r\n", text("\u0089PNG")));
    return evils;
  }

  private static byte[] bomb() throws IOException {
    ByteArrayOutputStream bomb = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bomb)) {
      byte[] blanks = new byte[1_000_000];
      java.util.Arrays.fill(blanks, (byte) ' ');
      for (int i = 0; i < 100; i++) {
        out.write(blanks);
      }
    }
    return bomb.toByteArray();
  }

  /** A value in every text that any of our routes takes. */
  private static byte[] all(String value) {
    StringBuilder body = new StringBuilder("{");
    for (String name :
        List.of(
            "kind",
            "prompt",
            "model_name",
            "external_task_id",
            "callback_url",
            "account",
            "model",
            "kling_task_id",
            "id",
            "name",
            "url",
            "host",
            "since",
            "until",
            "from",
            "to",
            "tenant",
            "task_id",
            "task_status",
            "task_status_msg",
            "status",
            "message",
            "expires_at")) {
      body.append("\"%s\":\"%s%s\",".formatted(name, value, name));
    }
    body.append(
        "\"ids\":[\"%1$s\"],\"models\":{\"%1$s\":\"%1$s\"},\"scopes\":[\"%1$s\"]}"
            .formatted(value));
    return text(body.toString());
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] bytes(String before, byte[] middle, String after) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(text(before));
    out.writeBytes(middle);
    out.writeBytes(text(after));
    return out.toByteArray();
  }
}
