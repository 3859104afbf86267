package io.klingtracker.kling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.klingtracker.testing.OwnCertificate;
import io.klingtracker.testing.Settings;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.NetClient;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.PfxOptions;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Clock;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kling behind the HTTP proxy of a company: every call is a tunnel through it. */
class ProxyTest {

  private static final String PATH = "/v1/videos/text2video";
  private static final String ACCEPTED =
      "{\"code\":0,\"message\":\"SUCCEED\",\"data\":{\"task_id\":\"953553662888644609\",\"task_status\":\"submitted\"}}";

  @TempDir private Path directory = Path.of("");

  private final Vertx vertx = Vertx.vertx();
  private final List<String> tunnels = new CopyOnWriteArrayList<>();
  private final List<String> creates = new CopyOnWriteArrayList<>();
  private int proxyPort;
  private int klingPort;
  private String pem = "";

  /** What the proxy answers a tunnel; 200 opens it. */
  private volatile int tunnelStatus = 200;

  /** Whether Kling's connection breaks when it has the request. */
  private volatile boolean breaks;

  @BeforeEach
  void a_proxy_and_a_kling_behind_it() throws Exception {
    Path store = OwnCertificate.of("localhost", directory);
    pem = pem(store);
    klingPort =
        listen(
            vertx
                .createHttpServer(
                    new HttpServerOptions()
                        .setSsl(true)
                        .setKeyCertOptions(
                            new PfxOptions()
                                .setPath(store.toString())
                                .setPassword(OwnCertificate.PASSWORD)))
                .requestHandler(this::kling));
    proxyPort = listen(vertx.createHttpServer().requestHandler(this::proxy));
  }

  @AfterEach
  void stop() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  @Test
  void a_create_goes_through_the_tunnel_with_the_proxy_s_password() {
    CreateAnswer answer = create(client("user:p%40ss", true));

    assertInstanceOf(CreateAnswer.Accepted.class, answer, answer.toString());
    assertEquals(
        List.of(
            "localhost:"
                + klingPort
                + " Basic "
                + Base64.getEncoder().encodeToString("user:p@ss".getBytes(StandardCharsets.UTF_8))),
        tunnels);
    assertEquals(1, creates.size());
  }

  @Test
  void what_the_proxy_refuses_was_never_sent() {
    for (int status : new int[] {407, 403, 502}) {
      tunnelStatus = status;
      CreateAnswer answer = create(client(null, true));
      assertInstanceOf(CreateAnswer.NotSent.class, answer, answer.toString());
    }
    assertEquals(List.of(), creates);
  }

  @Test
  void a_certificate_that_is_not_trusted_gets_no_request() {
    CreateAnswer answer = create(client(null, false));

    assertInstanceOf(CreateAnswer.NotSent.class, answer, answer.toString());
    assertEquals(1, tunnels.size());
    assertEquals(List.of(), creates);
  }

  @Test
  void what_breaks_after_it_was_sent_is_not_known() {
    breaks = true;
    CreateAnswer answer = create(client(null, true));

    assertInstanceOf(CreateAnswer.Unknown.class, answer, answer.toString());
    assertEquals(1, creates.size());
  }

  private static CreateAnswer create(KlingClient client) {
    return client.create("default", PATH, "{}", Instant.MAX).toCompletableFuture().join();
  }

  private KlingClient client(@org.jspecify.annotations.Nullable String user, boolean trusts) {
    Map<String, String> settings = new HashMap<>();
    settings.put("kling.accounts.default.base-url", "https://localhost:" + klingPort);
    settings.put("kling.accounts.default.api-key", "0a1b2c3d4e5f6g7h");
    settings.put(
        "kling.proxy", "http://" + (user == null ? "" : user + "@") + "localhost:" + proxyPort);
    if (trusts) {
      settings.put("kling.trusted-certificates", pem);
    }
    return KlingOverHttp.client(vertx, Settings.of(KlingConfig.class, settings), Clock.systemUTC());
  }

  private void kling(HttpServerRequest request) {
    request.body();
    creates.add(request.path());
    if (breaks) {
      request.connection().close();
    } else {
      request.response().putHeader("Content-Type", "application/json").end(ACCEPTED);
    }
  }

  private void proxy(HttpServerRequest request) {
    if (request.method() != HttpMethod.CONNECT) {
      request.response().setStatusCode(405).end();
      return;
    }
    tunnels.add(
        request.uri()
            + (request.getHeader("Proxy-Authorization") == null
                ? ""
                : " " + request.getHeader("Proxy-Authorization")));
    if (tunnelStatus != 200) {
      request.response().setStatusCode(tunnelStatus).end();
      return;
    }
    NetClient dial = vertx.createNetClient();
    request.pause();
    dial.connect(klingPort, "localhost")
        .onSuccess(inside -> request.toNetSocket().onSuccess(outside -> join(outside, inside)));
  }

  private static void join(NetSocket outside, NetSocket inside) {
    outside.handler(inside::write);
    inside.handler(outside::write);
    outside.closeHandler(gone -> inside.close());
    inside.closeHandler(gone -> outside.close());
  }

  private static int listen(HttpServer server) {
    return server
        .listen(0, "localhost")
        .toCompletionStage()
        .toCompletableFuture()
        .join()
        .actualPort();
  }

  private String pem(Path store) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, OwnCertificate.PASSWORD.toCharArray());
    }
    byte[] certificate = keys.getCertificate(keys.aliases().nextElement()).getEncoded();
    Path file = directory.resolve("trusted.pem");
    Files.writeString(
        file,
        "-----BEGIN CERTIFICATE-----\n"
            + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(certificate)
            + "\n-----END CERTIFICATE-----\n");
    return file.toString();
  }
}
