package io.klingtracker.kling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.NoSuchName;
import io.klingtracker.testing.OwnCertificate;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.PfxOptions;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What each answer to a create proves; the HTTP status alone proves nothing. */
class CreateAnswersTest {

  private static final Instant NEVER = Instant.MAX;

  private final NoSuchName names = new NoSuchName();
  private final Vertx vertx = Vertx.vertx(names.options());
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  private volatile int status = 200;
  private volatile String body = "";
  private volatile boolean resets;
  private volatile boolean silent;
  private HttpServer server;
  private KlingClient kling;

  @BeforeEach
  void start() {
    server =
        vertx
            .createHttpServer()
            .requestHandler(
                request ->
                    request
                        .body()
                        .onSuccess(
                            read -> {
                              requests.add(
                                  request.getHeader("User-Agent")
                                      + " "
                                      + request.getHeader("Authorization"));
                              if (resets) {
                                request.connection().close();
                              } else if (!silent) {
                                request
                                    .response()
                                    .setStatusCode(status)
                                    .putHeader("Location", "/elsewhere")
                                    .end(body);
                              }
                            }));
    server.listen(0, "localhost").toCompletionStage().toCompletableFuture().join();
    kling = client("http://localhost:" + server.actualPort());
  }

  /** One with time, so that the outcome is the answer's doing. */
  private KlingClient client(String url) {
    return client(url, "60s");
  }

  private KlingClient client(String url, String read) {
    KlingConfig config =
        new SmallRyeConfigBuilder()
            .withMapping(KlingConfig.class)
            .withValidateUnknown(false)
            .addDiscoveredConverters()
            .withDefaultValues(
                Map.of(
                    "kling.accounts.default.base-url", url,
                    "kling.accounts.default.access-key", "access",
                    "kling.accounts.default.secret-key", "secret-0123456789",
                    "kling.timeout.read", read,
                    "kling.timeout.connect", "60s",
                    "kling.http.max-answer", "1000"))
            .build()
            .getConfigMapping(KlingConfig.class);
    return KlingOverHttp.client(vertx, config, Clock.systemUTC());
  }

  @AfterEach
  void stop() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
    names.close();
  }

  @ParameterizedTest
  @CsvSource({
    "200, 0, SUCCEED, Unknown",
    "401, 1000, wrong, AccountRefused",
    "401, 1001, empty, AccountRefused",
    "401, 1002, invalid, AccountRefused",
    "429, 1100, abnormal, AccountRefused",
    "429, 1101, arrears, AccountRefused",
    "429, 1102, Account balance not enough, AccountRefused",
    "403, 1103, no right, AccountRefused",
    "400, 1200, invalid, Refused",
    "400, 1201, duration value '99' is invalid, Refused",
    "400, 1201, External_task_id task_1 already exists, Exists",
    "404, 1203, no such model, Refused",
    "400, 1300, policy, Refused",
    "400, 1301, content, Refused",
    "429, 1302, too many, Throttled",
    "429, 1303, parallel task over resource pack limit, Throttled",
    "200, 1303, over, Throttled",
    "429, 1304, not on the white list, AccountRefused",
    "500, 5000, internal, Unknown",
    "503, 5001, maintenance, Throttled",
    "504, 5002, backlog, Unknown",
    "400, 7777, The model 'kling-v1' has been discontinued and is no longer available., Refused",
  })
  void kling_s_code_decides(int httpStatus, int code, String message, String expected) {
    status = httpStatus;
    body = "{\"code\":%d,\"message\":\"%s\",\"request_id\":\"r\"}".formatted(code, message);

    assertEquals(expected, create().getClass().getSimpleName());
  }

  @ParameterizedTest
  @CsvSource({"504, ''", "500, <html>", "200, not json", "429, ''", "302, ''", "200, []"})
  void without_a_code_nobody_knows(int httpStatus, String answer) {
    status = httpStatus;
    body = answer;

    assertEquals("Unknown", create().getClass().getSimpleName());
    assertEquals(1, requests.size());
  }

  @ParameterizedTest
  @CsvSource({
    "{}, Accepted",
    "'{\"external_task_id\":\"task_1\"}', Accepted",
    "'{\"external_task_id\":\"task_2\"}', Unknown",
  })
  void an_answer_about_another_task_leaves_it_unknown(String info, String expected) {
    body =
        "{\"code\":0,\"data\":{\"task_id\":\"7\",\"task_status\":\"submitted\",\"task_info\":%s}}"
            .formatted(info);

    assertEquals(expected, create().about("task_1").getClass().getSimpleName());
  }

  @Test
  void an_answer_that_is_too_large_leaves_it_unknown() {
    body = "{\"code\":0,\"message\":\"" + "x".repeat(2000) + "\"}";

    assertEquals("Unknown", create().getClass().getSimpleName());
  }

  @Test
  void a_reset_after_sending_leaves_it_unknown() {
    resets = true;

    assertEquals("Unknown", create().getClass().getSimpleName());
    assertEquals(1, requests.size());
  }

  @Test
  void no_answer_in_time_leaves_it_unknown() {
    silent = true;
    kling = client("http://localhost:" + server.actualPort(), "1s");

    assertEquals("Unknown", create().getClass().getSimpleName());
    assertTrue(requests.size() <= 1, requests.toString());
  }

  @Test
  void a_refused_connection_proves_that_nothing_left() {
    server.close().toCompletionStage().toCompletableFuture().join();

    assertEquals("NotSent", create().getClass().getSimpleName());
  }

  @Test
  void an_unknown_name_proves_that_nothing_left() {
    kling = client("http://no-such-host.invalid");

    assertEquals("NotSent", create().getClass().getSimpleName());
  }

  @Test
  void a_failed_handshake_proves_that_nothing_left() {
    kling = client("https://localhost:" + server.actualPort());

    assertEquals("NotSent", create().getClass().getSimpleName());
    assertEquals(List.of(), requests);
  }

  @Test
  void a_certificate_that_nobody_vouches_for_proves_that_nothing_left(@TempDir Path directory) {
    Path store = OwnCertificate.of("localhost", directory);
    HttpServer tls =
        vertx
            .createHttpServer(
                new HttpServerOptions()
                    .setSsl(true)
                    .setKeyCertOptions(
                        new PfxOptions()
                            .setPath(store.toString())
                            .setPassword(OwnCertificate.PASSWORD)))
            .requestHandler(
                request -> {
                  requests.add("over TLS");
                  request.response().end();
                });
    tls.listen(0, "localhost").toCompletionStage().toCompletableFuture().join();
    kling = client("https://localhost:" + tls.actualPort());

    assertEquals("NotSent", create().getClass().getSimpleName());
    assertEquals(List.of(), requests);
  }

  @Test
  void too_late_it_does_not_leave() {
    CreateAnswer answer =
        kling
            .create("default", "/v1/videos/text2video", "{}", Instant.EPOCH)
            .toCompletableFuture()
            .join();

    assertEquals("NotSent", answer.getClass().getSimpleName());
    assertEquals(List.of(), requests);
  }

  @Test
  void a_token_that_is_not_taken_is_signed_again_once() {
    status = 401;
    body = "{\"code\":1004,\"message\":\"expired\"}";

    assertEquals(new CreateAnswer.AccountRefused(1004, "expired"), create());
    assertEquals(2, requests.size());
    assertTrue(requests.get(0).startsWith("kling-task-tracker/test Bearer ey"), requests.get(0));
  }

  private CreateAnswer create() {
    return kling
        .create("default", "/v1/videos/text2video", "{}", NEVER)
        .toCompletableFuture()
        .join();
  }
}
