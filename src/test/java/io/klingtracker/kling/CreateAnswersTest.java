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

/** What comes of a create over the network, and that its answer gets to the table. */
class CreateAnswersTest {

  private static final Instant NEVER = Instant.MAX;

  private final NoSuchName names = new NoSuchName();
  private final Vertx vertx = Vertx.vertx(names.options());
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  private volatile int status = 200;
  private volatile String body = "";
  private volatile String contentType = "application/json";
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
                                    .putHeader("Content-Type", contentType)
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
                    "kling.accounts.default.api-key", "key",
                    "kling.accounts.default.access-key", "access",
                    "kling.accounts.default.secret-key", "secret-0123456789",
                    "kling.timeout.read", read,
                    "kling.timeout.connect", "60s"))
            .build()
            .getConfigMapping(KlingConfig.class);
    return KlingOverHttp.client(vertx, config, Clock.systemUTC());
  }

  @AfterEach
  void stop() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
    names.close();
  }

  @Test
  void what_came_instead_is_said() {
    status = 403;
    body = "<html>403</html>";
    contentType = "text/html; charset=utf-8";

    assertEquals(
        new CreateAnswer.TurnedAway(
            "HTTP 403 and no words of Kling's (text/html; charset=utf-8, 16 bytes)"),
        create());
  }

  @ParameterizedTest
  @CsvSource({
    "/v1/videos/text2video, KEY_PAIR",
    "/text-to-video/kling-3.0, API_KEY",
  })
  void the_credential_that_failed_is_the_one_that_was_sent(String path, Credential sent) {
    status = 401;
    body = "{\"code\":1002,\"message\":\"api key not found\"}";

    assertEquals(
        new CreateAnswer.AccountRefused(1002, "api key not found", sent),
        kling.create("default", path, "{}", NEVER).toCompletableFuture().join());
    assertEquals(
        sent == Credential.KEY_PAIR ? 2 : 1, requests.size(), "a JWT is signed again once");
  }

  @Test
  void balance_is_no_matter_of_the_credential() {
    status = 429;
    body = "{\"code\":\"1102\",\"message\":\"Account balance not enough\"}";

    assertEquals(new CreateAnswer.AccountRefused(1102, "Account balance not enough"), create());
  }

  @Test
  void an_answer_that_is_too_large_leaves_it_unknown() {
    body = "{\"code\":0,\"message\":\"" + "x".repeat(HttpKlingClient.MAX_ANSWER) + "\"}";

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

    assertEquals(new CreateAnswer.AccountRefused(1004, "expired", Credential.KEY_PAIR), create());
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
