package io.klingtracker.egress;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.OwnCertificate;
import io.vertx.core.Vertx;
import io.vertx.core.net.PfxOptions;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PinnedClientTest {

  private static final TargetPolicy OPEN = new TargetPolicy(true, List.of(), List.of());
  private static final TargetPolicy CLOSED = new TargetPolicy(false, List.of(), List.of());
  private static final PinnedClient.Limits PATIENT =
      new PinnedClient.Limits(Duration.ofSeconds(60), Duration.ofSeconds(90), 16 * 1024, 10);

  /** For those who never answer: nothing but the whole time's end can be the outcome. */
  private static final PinnedClient.Limits HASTY =
      new PinnedClient.Limits(Duration.ofSeconds(60), Duration.ofMillis(400), 16 * 1024, 10);

  private static final byte[] BODY = "{\"task_id\":\"task_é\"}".getBytes(StandardCharsets.UTF_8);

  private static Vertx vertx;
  private static Receiver receiver;

  @BeforeAll
  static void start() {
    vertx = Vertx.vertx();
    receiver = Receiver.start(vertx);
  }

  @AfterAll
  static void stop() {
    vertx.close();
  }

  /**
   * The receiver matrix, first half: what each behaviour is taken for. See src/docs/webhooks.md.
   */
  @ParameterizedTest
  @CsvSource({
    "/200, 200, ok",
    "/204, 204, ''",
    "/html, 200, <html>",
    "/301, 301, ''",
    "/400, 400, nope",
    "/404, 404, nope",
    "/410, 410, nope",
    "/429, 429, ''",
    "/500, 500, nope",
  })
  void an_answer_is_read(String path, int status, String excerpt) {
    AttemptResult.Answered answer =
        assertInstanceOf(AttemptResult.Answered.class, post(receiver.url(path)));

    assertEquals(status, answer.status());
    assertEquals(excerpt, answer.excerpt());
    assertEquals(path.equals("/429") ? "7" : null, answer.retryAfter());
  }

  @ParameterizedTest
  @CsvSource({
    "/slow-headers, TIMEOUT",
    "/slow-body, TIMEOUT",
    "/endless-headers, PROTOCOL",
    "/reset, RESET",
    "/close, RESET",
    "/short, RESET",
    "/garbage, PROTOCOL",
  })
  void a_broken_answer_is_named(String path, Failure failure) {
    PinnedClient.Limits limits = failure == Failure.TIMEOUT ? HASTY : PATIENT;
    AttemptResult.Unanswered answer =
        assertInstanceOf(AttemptResult.Unanswered.class, post(receiver.url(path), limits));

    assertEquals(failure, answer.failure(), answer.detail());
  }

  @Test
  void an_endless_body_is_cut_and_its_status_counts() {
    AttemptResult.Answered answer =
        assertInstanceOf(AttemptResult.Answered.class, post(receiver.url("/endless")));

    assertEquals(200, answer.status());
    assertEquals(2048, answer.excerpt().length());
  }

  @Test
  void a_redirect_is_not_followed() {
    int before = receiver.requests().size();
    post(receiver.url("/301"));

    assertEquals(before + 1, receiver.requests().size());
  }

  @Test
  void what_is_sent_is_what_was_given() {
    try (PinnedClient client = client(OPEN, name -> answer(loopback()), null)) {
      await(
          client.post(
              "http://hooks.example.com:" + receiver.port() + "/a b".replace(" ", "%20") + "?q=é#x",
              Map.of("webhook-id", "evt-9", "content-type", "application/json"),
              BODY));
    }
    String request = receiver.requests().get(receiver.requests().size() - 1);

    assertTrue(request.startsWith("POST /a%20b?q=%C3%A9 HTTP/1.1\r\n"), request);
    assertTrue(request.contains("hooks.example.com:" + receiver.port()), request);
    assertTrue(request.contains("webhook-id: evt-9\r\n"), request);
    assertTrue(request.endsWith("\r\n\r\n" + new String(BODY, StandardCharsets.UTF_8)), request);
  }

  @Test
  void an_ipv6_literal_is_written_with_brackets() throws Exception {
    // Nothing listens there: it is the failure that must be an honest one.
    AttemptResult.Unanswered answer =
        assertInstanceOf(
            AttemptResult.Unanswered.class, post("http://[::1]:" + receiver.port() + "/200"));
    assertEquals(Failure.CONNECT, answer.failure());
  }

  @Test
  void a_name_without_address_and_a_port_without_listener_are_told_apart() throws Exception {
    try (PinnedClient client =
        client(
            OPEN, name -> CompletableFuture.failedFuture(new UnknownHostException(name)), null)) {
      assertFailure(Failure.DNS, await(client.post("http://gone.example/", Map.of(), BODY)));
    }
    int free;
    try (java.net.ServerSocket socket = new java.net.ServerSocket(0)) {
      free = socket.getLocalPort();
    }
    assertFailure(Failure.CONNECT, post("http://127.0.0.1:" + free + "/"));
  }

  @Test
  void a_look_up_that_hangs_ends_with_the_whole_time() {
    try (PinnedClient client = client(OPEN, name -> new CompletableFuture<>(), null, HASTY)) {
      assertFailure(Failure.TIMEOUT, await(client.post("http://slow.example/", Map.of(), BODY)));
    }
  }

  @Test
  void the_next_address_is_tried_when_nobody_takes_the_connection() throws Exception {
    InetAddress dead = InetAddress.getByAddress(new byte[] {127, 0, 0, 9});
    try (PinnedClient client =
        client(OPEN, name -> CompletableFuture.completedFuture(List.of(dead, loopback())), null)) {
      assertInstanceOf(
          AttemptResult.Answered.class,
          await(client.post("http://two.example:" + receiver.port() + "/200", Map.of(), BODY)));
    }
  }

  @Test
  void tls_wants_a_trusted_certificate_for_the_named_host(@TempDir Path directory)
      throws Exception {
    Path store = OwnCertificate.of("hooks.example.com", directory);
    PfxOptions trust =
        new PfxOptions().setPath(store.toString()).setPassword(OwnCertificate.PASSWORD);
    Resolver toReceiver = name -> answer(loopback());
    try (Receiver tls = Receiver.startTls(vertx, store);
        PinnedClient trusting = client(OPEN, toReceiver, trust);
        PinnedClient distrusting = client(OPEN, toReceiver, null);
        PinnedClient hasty = client(OPEN, toReceiver, trust, HASTY)) {
      String good = "https://hooks.example.com:" + tls.port() + "/200";
      String other = "https://other.example.com:" + tls.port() + "/200";
      String plain = "https://hooks.example.com:" + receiver.port() + "/200";

      assertInstanceOf(AttemptResult.Answered.class, await(trusting.post(good, Map.of(), BODY)));
      assertFailure(Failure.TLS, await(trusting.post(other, Map.of(), BODY)));
      assertFailure(Failure.TLS, await(distrusting.post(good, Map.of(), BODY)));
      int before = receiver.requests().size();
      assertFailure(Failure.TIMEOUT, await(hasty.post(plain, Map.of(), BODY)));
      assertEquals(before, receiver.requests().size());
    }
  }

  @Test
  void a_rebinding_name_is_checked_where_it_is_dialled() throws Exception {
    InetAddress publicAddress = InetAddress.getByAddress(new byte[] {93, (byte) 184, 34, 7});
    Deque<List<InetAddress>> answers =
        new ArrayDeque<>(
            List.of(
                List.of(loopback()),
                List.of(publicAddress, loopback()),
                List.of(InetAddress.getByAddress(new byte[] {(byte) 169, (byte) 254, 10, 1}))));
    int before = receiver.connections();
    try (PinnedClient client =
        client(CLOSED, name -> CompletableFuture.completedFuture(answers.remove()), null)) {
      String url = "http://rebind.example.com:" + receiver.port() + "/200";
      // The submission looked at the spelling only and was content.
      CLOSED.read(url);
      while (!answers.isEmpty()) {
        assertFailure(Failure.ADDRESS_REFUSED, await(client.post(url, Map.of(), BODY)));
      }
    }
    assertEquals(before, receiver.connections());
  }

  @Test
  void an_attempt_looks_up_once_and_dials_what_it_checked() throws Exception {
    // Checked as 127.0.0.1; a second look-up would find the link-local address, or fail here.
    Deque<List<InetAddress>> answers = new ArrayDeque<>(List.of(List.of(loopback())));
    try (PinnedClient client =
        client(OPEN, name -> CompletableFuture.completedFuture(answers.remove()), null)) {
      assertInstanceOf(
          AttemptResult.Answered.class,
          await(
              client.post(
                  "http://rebind.example.com:" + receiver.port() + "/200", Map.of(), BODY)));
    }
    assertTrue(answers.isEmpty());
  }

  private static AttemptResult post(String url) {
    return post(url, PATIENT);
  }

  private static AttemptResult post(String url, PinnedClient.Limits limits) {
    try (PinnedClient client = client(OPEN, name -> answer(loopback()), null, limits)) {
      return await(client.post(url, Map.of("webhook-id", "evt-1"), BODY));
    }
  }

  private static PinnedClient client(
      TargetPolicy policy, Resolver resolver, @Nullable PfxOptions trust) {
    return client(policy, resolver, trust, PATIENT);
  }

  private static PinnedClient client(
      TargetPolicy policy,
      Resolver resolver,
      @Nullable PfxOptions trust,
      PinnedClient.Limits limits) {
    return new PinnedClient(vertx, resolver, policy, limits, trust, Clock.systemUTC());
  }

  private static CompletableFuture<List<InetAddress>> answer(InetAddress address) {
    return CompletableFuture.completedFuture(List.of(address));
  }

  private static InetAddress loopback() {
    try {
      return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void assertFailure(Failure failure, AttemptResult result) {
    AttemptResult.Unanswered unanswered = assertInstanceOf(AttemptResult.Unanswered.class, result);
    assertEquals(failure, unanswered.failure(), unanswered.detail());
  }

  private static <T> T await(java.util.concurrent.CompletionStage<T> answer) {
    try {
      return answer.toCompletableFuture().get(120, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void what_is_got_is_read_as_it_comes() throws Exception {
    try (PinnedClient client = client(OPEN, name -> answer(loopback()), null)) {
      Fetched.Begun begun = begun(client, "/200");
      try (InputStream body = begun.body()) {
        assertEquals(200, begun.status());
        assertEquals(2, begun.length());
        assertEquals("ok", new String(body.readAllBytes(), StandardCharsets.UTF_8));
      }
      String request = receiver.requests().get(receiver.requests().size() - 1);
      assertTrue(request.startsWith("GET /200 HTTP/1.1\r\n"), request);
    }
  }

  @Test
  void a_body_that_breaks_fails_its_reader() throws Exception {
    try (PinnedClient client = client(OPEN, name -> answer(loopback()), null)) {
      try (InputStream body = begun(client, "/short").body()) {
        BrokenAnswerException broken =
            assertThrows(BrokenAnswerException.class, body::readAllBytes);
        assertEquals(Failure.RESET, broken.failure());
      }
      try (InputStream body = begun(client, "/slow-body", Duration.ofMillis(1)).body()) {
        BrokenAnswerException broken =
            assertThrows(BrokenAnswerException.class, body::readAllBytes);
        assertEquals(Failure.TIMEOUT, broken.failure());
      }
    }
  }

  @Test
  void what_nobody_reads_is_not_taken_off_the_socket() throws Exception {
    try (PinnedClient client = client(OPEN, name -> answer(loopback()), null)) {
      AnswerBody body = (AnswerBody) begun(client, "/endless").body();
      while (body.waitingBytes() < AnswerBody.FULL) {
        Thread.onSpinWait();
      }
      // More than the loop had in its hands does not come on top, however long nobody reads.
      byte[] bytes = new byte[1 << 20];
      for (int round = 0; round < 3; round++) {
        assertTrue(body.waitingBytes() <= 2 * AnswerBody.FULL, body.waitingBytes() + " bytes");
        assertEquals(bytes.length, body.readNBytes(bytes, 0, bytes.length));
      }
      body.close();
      assertThrows(IOException.class, body::read);
    }
  }

  @Test
  void a_target_that_may_not_be_called_is_not_got_from() throws Exception {
    int before = receiver.connections();
    try (PinnedClient client = client(CLOSED, name -> answer(loopback()), null)) {
      Fetched.Failed literal =
          assertInstanceOf(
              Fetched.Failed.class, await(client.get(receiver.url("/200"), Duration.ofMinutes(1))));
      assertEquals(Failure.URL_REFUSED, literal.failure());
      Fetched.Failed named =
          assertInstanceOf(
              Fetched.Failed.class,
              await(client.get("http://v.klingai.com:" + receiver.port(), Duration.ofMinutes(1))));
      assertEquals(Failure.ADDRESS_REFUSED, named.failure());
      assertEquals("the URL must not lead to a loopback address", named.detail());
    }
    assertEquals(before, receiver.connections());
  }

  private static Fetched.Begun begun(PinnedClient client, String path) throws Exception {
    return begun(client, path, Duration.ofMinutes(1));
  }

  private static Fetched.Begun begun(PinnedClient client, String path, Duration idle)
      throws Exception {
    return assertInstanceOf(
        Fetched.Begun.class,
        await(client.get("http://v.klingai.com:" + receiver.port() + path, idle)));
  }
}
