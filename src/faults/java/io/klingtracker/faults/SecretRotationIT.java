package io.klingtracker.faults;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.local.ServiceProcess;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * {@code tracker.secret} is rotated over two replicas in the two steps of operations.md, one
 * replica after the other. At each moment each replica takes what the other has made: cursors,
 * callbacks and the signatures of pairs; then the former secret is taken out.
 */
@Field
@ExtendWith(Stage.class)
class SecretRotationIT {

  private static final String NEW = "rotated-tracker-secret-0123456789abcdef0123456789";
  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();

  private HttpClient http = HttpClient.newHttpClient();
  private final List<String> cursors = new ArrayList<>();
  private final List<String> feeds = new ArrayList<>();
  private final List<String> callbacks = new ArrayList<>();
  private final List<JsonNode> pairs = new ArrayList<>();

  @Test
  void two_steps_over_two_replicas_refuse_nothing(Stage stage) throws Exception {
    String name = "rotation";
    stage.servers().postgres().ensureDatabase(name);
    Installation installation =
        stage.installation(
            2, Installation.Place.at(stage.servers().postgres().jdbcUrl(name), Map.of()));
    List<ServiceProcess> replicas = installation.replicas();
    everyoneTakesAll(replicas);
    for (ServiceProcess replica : replicas) {
      restart(replica, Installation.SECRET, NEW);
      everyoneTakesAll(replicas);
    }
    for (ServiceProcess replica : replicas) {
      restart(replica, NEW, Installation.SECRET);
      everyoneTakesAll(replicas);
    }
    awaitSealed(replicas.get(1));
    // Links and cursors of before are no longer good; what is stored is, and what is made from now
    // on.
    cursors.clear();
    feeds.clear();
    callbacks.clear();
    for (ServiceProcess replica : replicas) {
      restart(replica, NEW, null);
    }
    everyoneTakesAll(replicas);
    for (ServiceProcess replica : replicas) {
      assertTrue(!replica.log().contains(" ERROR "), replica.log());
    }
    // Without the former one, and before it was sealed again, nothing would have opened.
    ServiceProcess wrong = replicas.get(0);
    wrong.stop();
    assertEquals(
        1,
        wrong
            .with("tracker.secret", "another-tracker-secret-0123456789abcdef0123456789")
            .startAndEnd());
    assertTrue(wrong.log().contains("set that one as tracker.previous-secrets"), wrong.log());
  }

  private static void restart(ServiceProcess replica, String secret, @Nullable String previous) {
    replica.stop();
    replica.with("tracker.secret", secret).with("tracker.previous-secrets", previous).start();
  }

  private void everyoneTakesAll(List<ServiceProcess> replicas) throws Exception {
    // Its connections to a replica of before have ended with that.
    http = HttpClient.newHttpClient();
    for (ServiceProcess replica : replicas) {
      make(replica);
    }
    for (ServiceProcess replica : replicas) {
      for (String cursor : cursors) {
        ok(get(replica, "/v1/tasks?limit=1&cursor=" + cursor, Installation.HONEST.apiKey()));
      }
      for (String cursor : feeds) {
        ok(get(replica, "/v1/events?limit=1&after=" + cursor, Installation.HONEST.apiKey()));
      }
      for (String path : callbacks) {
        ok(post(replica, path, null, "{\"task_id\":\"1\",\"task_status\":\"processing\"}"));
      }
      for (JsonNode pair : pairs) {
        ok(get(replica, "/v1/tasks?limit=1", jwt(pair)));
      }
      ok(get(replica, "/v1/webhooks/settings", Installation.HONEST.apiKey()));
    }
  }

  /** What a replica makes that is derived from its secret. */
  private void make(ServiceProcess replica) throws Exception {
    String key = Installation.HONEST.apiKey();
    for (int i = 0; i < 2; i++) {
      ok(post(replica, CREATE, key, "{\"model_name\":\"kling-v3\",\"prompt\":\"a\"}"));
    }
    cursors.add(ok(get(replica, "/v1/tasks?limit=1", key)).path("next_cursor").asText());
    feeds.add(ok(get(replica, "/v1/events?limit=1", key)).path("next_cursor").asText());
    String callback =
        ok(post(
                replica,
                "/v1/tasks/track",
                key,
                "{\"kind\":\"text2video\",\"external_task_id\":\"rotation-%d\",\"account\":\"default\"}"
                    .formatted(callbacks.size() + System.nanoTime())))
            .path("callback_url")
            .asText();
    callbacks.add(Scene.path(callback));
    pairs.add(
        ok(
            post(
                replica,
                "/admin/v1/tenants/" + Installation.HONEST.id() + "/keys",
                Installation.ADMIN_KEY,
                "{\"name\":\"pair\"}")));
  }

  private static void awaitSealed(ServiceProcess replica) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!replica
        .get("/q/metrics", null)
        .body()
        .contains("tracker_secrets_sealed{under=\"previous\"} 0.0")) {
      assertTrue(System.nanoTime() < end, "some values are still under the former secret");
      LockSupport.parkNanos(200_000_000);
    }
  }

  private HttpResponse<String> get(ServiceProcess replica, String path, String token)
      throws Exception {
    return http.send(request(replica, path, token).GET().build(), BODY);
  }

  private HttpResponse<String> post(
      ServiceProcess replica, String path, @Nullable String token, String body) throws Exception {
    return http.send(
        request(replica, path, token)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build(),
        BODY);
  }

  private static final HttpResponse.BodyHandler<String> BODY = HttpResponse.BodyHandlers.ofString();

  private static HttpRequest.Builder request(
      ServiceProcess replica, String path, @Nullable String token) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(replica.url() + path)).timeout(LIMIT);
    return token == null ? request : request.header("Authorization", "Bearer " + token);
  }

  private static JsonNode ok(HttpResponse<String> answer) throws Exception {
    assertEquals(2, answer.statusCode() / 100, answer.uri() + ": " + answer.body());
    return JSON.readTree(answer.body());
  }

  private static String jwt(JsonNode pair) throws Exception {
    String text =
        base64("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")
            + "."
            + base64(
                String.format(
                    Locale.ROOT,
                    "{\"iss\":\"%s\",\"exp\":%d}",
                    pair.path("access_key").asText(),
                    Instant.now().getEpochSecond() + 600));
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(
        new SecretKeySpec(
            pair.path("secret_key").asText().getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
    return text
        + "."
        + Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static String base64(String text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
