package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.presence.DeadClaims;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.secret.Secrets;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.UpstreamParts;
import io.vertx.core.Vertx;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.zip.GZIPOutputStream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The receiver as whoever finds its port meets it: over a socket. */
class CallbackRouteTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String ROOT = "callback-route-test-0123456789abcdef";
  private static final String OLD_ROOT = "callback-route-test-former-0123456789";
  private static final String OK = "{\"code\":0,\"message\":\"ok\"}";
  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-06-10T08:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final FakeKling kling = new FakeKling(new Random(1), clock, false);
  private final Map<String, String> settings = new HashMap<>();
  private final Vertx vertx = Vertx.vertx();
  private CallbackParts callbacks;
  private ReconcileParts reconciler;
  private CallbackTarget target;
  private int port;
  private String task;
  private String path;

  private record Reply(int status, String body, String head) {}

  @BeforeEach
  void a_task_at_kling() {
    settings.put("kling.accounts.default.api-key", "key");
    settings.put("tracker.public-url", "http://localhost");
    settings.put("tracker.http.body-time", "1s");
    GivenTasks.tenant(jdbi);
    listen();
    task = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(60));
    kling.accept("878106242831892487", task).becomes("processing");
    path = path(task);
  }

  private void listen() {
    UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, settings);
    target = upstream.target(ROOT, OLD_ROOT);
    callbacks = new CallbackParts(jdbi, clock, tasks, upstream, settings);
    reconciler =
        new ReconcileParts(jdbi, clock, tasks, upstream, kling, kling, new SameThread(), settings);
    port = callbacks.listen(vertx, target, settings);
  }

  @AfterEach
  void stop() {
    callbacks.close();
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  @Test
  void takes_a_callback_and_then_it_counts() {
    Reply reply = post(path, body("processing"));

    assertEquals(200, reply.status());
    assertEquals(OK, reply.body());
    assertEquals(1, number("select count(*) from callback_receipt where verdict = 'pending'"));
    callbacks.workOff();
    assertEquals("processing", status());
    assertEquals("applied", text("select verdict from callback_receipt"));
  }

  @Test
  void a_repeated_body_is_counted_and_not_stored_again() {
    for (int i = 0; i < 10; i++) {
      assertEquals(200, post(path, body("processing")).status());
      callbacks.workOff();
    }

    assertEquals(1, number("select count(*) from callback_receipt"));
    assertEquals(9, number("select repeated from callback_receipt"));
    assertEquals(2, number("select count(*) from task_event"));
    assertEquals(1, number("select count(*) from task_news where reason = 'repeated'"));
  }

  @Test
  void an_unsigned_end_counts_when_kling_confirms_it() {
    kling.byId.get("878106242831892487").becomes("succeed");

    post(path, body("succeed"));
    callbacks.workOff();

    assertNotEquals("succeed", status());
    reconciler.runOnce();
    assertEquals("succeed", status());
    assertEquals("poll", text("select source from task_event where status = 'succeed'"));
    assertEquals(1, kling.calls);
  }

  @Test
  void older_news_beside_an_end_does_not_put_its_confirmation_off() {
    kling.byId.get("878106242831892487").becomes("succeed");
    post(path, body("succeed"));
    post(path, body("processing"));
    callbacks.workOff();

    reconciler.runOnce();

    assertEquals("succeed", status());
  }

  @Test
  void an_end_that_kling_does_not_tell_of_yet_is_asked_about_again_soon() {
    post(path, body("succeed"));
    callbacks.workOff();
    reconciler.runOnce();
    assertEquals("processing", status());
    kling.byId.get("878106242831892487").becomes("succeed");

    clock.advance(Duration.ofSeconds(1));
    reconciler.runOnce();

    assertEquals("succeed", status());
  }

  @Test
  void the_receipt_needs_no_lock_of_the_task() {
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("select from task where id = ? for update", task);

      assertEquals(200, post(path, body("processing")).status());
      callbacks.workOff();

      other.rollback();
    }
    assertEquals("queued", status());
    clock.advance(Duration.ofSeconds(1));
    callbacks.workOff();
    assertEquals("processing", status());
  }

  @Test
  void what_a_crash_left_is_worked_off_after_it() {
    post(path, body("processing"));
    callbacks.pending.claim(10);
    callbacks.close();
    listen();

    callbacks.workOff();
    assertEquals("queued", status(), "a living replica's");
    assertEquals(1, DeadClaims.free(jdbi, "callback_pending"));
    callbacks.workOff();

    assertEquals("processing", status());
  }

  @Test
  void a_token_of_the_previous_secret_is_honoured() {
    String former = new Secrets(OLD_ROOT, List.of()).token("callback-token", task);

    assertEquals(200, post("/callbacks/kling/" + task + "/" + former, body("processing")).status());
  }

  @Test
  void a_number_as_task_id_is_taken_digit_by_digit() {
    String body = "{\"task_id\":878106242831892487,\"task_status\":\"processing\"}";

    assertEquals(200, post(path, body).status());
    callbacks.workOff();

    assertEquals("processing", status());
    assertEquals(401, post("/callbacks/kling/878106242831892487/x", body).status());
  }

  @Test
  void what_is_not_understood_but_authentic_is_kept_and_answered_200() {
    assertEquals(200, post(path, body("paused")).status());
    callbacks.workOff();

    assertEquals("not-understood", text("select verdict from callback_receipt"));
    assertEquals("not-understood", text("select reason from task_news"));
    assertEquals("queued", status());
  }

  @Test
  void what_is_no_callback_is_400_and_kept() {
    List<byte[]> bodies =
        List.of(
            bytes(""),
            bytes("{"),
            bytes("[]"),
            bytes("{\"code\":1303}"),
            bytes("{\"task_id\":\"1\",\"id\":\"2\",\"status\":\"succeed\"}"),
            bytes("{\"task_id\":NaN,\"task_status\":\"succeed\"}"),
            bytes("\0\0"),
            bytes("{\"task_id\":\"1\",\0\"task_status\":\"succeed\"}"),
            bytes("{\"task_id\":\"1\",\"task_status\":\"succeed\"} {}"),
            bytes("{\"status\":200,\"code\":0,\"data\":{}}"),
            bytes("[".repeat(65) + "]".repeat(65)),
            bytes("[".repeat(100_000)));

    for (byte[] body : bodies) {
      Reply reply = exchange(request(path, body.length, "Content-Encoding: gzip\r\n"), body);
      assertEquals(400, reply.status(), new String(body, StandardCharsets.ISO_8859_1));
      assertTrue(reply.body().contains("\"code\":1201"), reply.body());
    }
    assertEquals(
        bodies.size(),
        number("select count(*) from callback_receipt where verdict = 'unreadable'"));
    assertEquals(0, number("select count(*) from callback_pending"));
  }

  /** Senders are careless: what is there is kept, and who cannot be read for sure is asked. */
  @Test
  void a_body_that_only_a_lenient_reader_takes_is_kept_and_kling_is_asked() {
    String plain = body("processing");
    List<byte[]> bodies =
        List.of(
            bytes(plain.replaceFirst("\\{", "{\"task_id\":\"1\",")),
            bytes(plain.replaceFirst("\\{", "{\"task_status\":\"failed\",")),
            bytes(plain + "\0"),
            bytes(plain + "\0\0 \n\0"),
            bytes("\uFEFF" + plain + "\0"),
            plain.replaceFirst("\\{", "{\"x\":\"\u00e9\",").getBytes(StandardCharsets.ISO_8859_1));

    for (byte[] body : bodies) {
      kling.calls = 0;
      jdbi.useHandle(h -> h.execute("delete from task_news"));
      Reply reply = exchange(request(path, body.length, ""), body);
      assertEquals(200, reply.status(), new String(body, StandardCharsets.ISO_8859_1));
      assertEquals(OK, reply.body());
      callbacks.workOff();
      assertEquals("queued", status());
      assertEquals("not-understood", text("select reason from task_news"));
      assertEquals(
          1,
          number(
              "select count(*) from open_task where next_check_at <= '" + clock.instant() + "'"));
      jdbi.useHandle(
          h ->
              h.execute("update open_task set next_check_at = ?", clock.instant().plusSeconds(60)));
    }
    assertEquals(bodies.size(), number("select count(*) from callback_receipt"));

    byte[] last = bytes(plain + "\0\0\0");
    exchange(request(path, last.length, ""), last);
    callbacks.workOff();
    reconciler.runOnce();
    assertEquals("processing", status());
  }

  @Test
  void an_envelope_of_http_s_words_is_read() {
    assertEquals(
        200,
        post(path, "{\"status\":200,\"code\":0,\"data\":" + body("processing") + "}").status());
    callbacks.workOff();
    assertEquals("processing", status());
  }

  @Test
  void a_byte_order_mark_is_skipped() {
    assertEquals(200, post(path, "\uFEFF" + body("processing")).status());
    callbacks.workOff();
    assertEquals("processing", status());
  }

  @Test
  void slashes_before_the_path_change_nothing() {
    assertEquals(200, post("/" + path, body("submitted")).status());
    assertEquals(200, post("//" + path, body("processing")).status());
    callbacks.workOff();
    assertEquals("processing", status());
    assertEquals(401, post("//callbacks/kling/" + task + "/x", body("processing")).status());
    for (String other :
        List.of("/callbacks//kling" + path.substring("/callbacks/kling".length()), "//v1/tasks")) {
      assertEquals(400, post(other, body("processing")).status(), other);
    }
  }

  @Test
  void a_compressed_body_is_unpacked_within_the_bound() throws IOException {
    byte[] packed = gzip(bytes(body("processing")));
    assertEquals(
        200, exchange(request(path, packed.length, "Content-Encoding: gzip\r\n"), packed).status());
    callbacks.workOff();
    assertEquals("processing", status());
    // A proxy unpacks and leaves the header, or packs and writes none.
    byte[] plain = bytes(body("submitted"));
    assertEquals(
        200, exchange(request(path, plain.length, "Content-Encoding: gzip\r\n"), plain).status());
    byte[] unsaid = gzip(bytes(body("processing") + " "));
    assertEquals(200, exchange(request(path, unsaid.length, ""), unsaid).status());

    byte[] bomb = gzip(new byte[64 << 20]);
    assertTrue(bomb.length < 1 << 20);
    Reply refused = exchange(request(path, bomb.length, "Content-Encoding: gzip\r\n"), bomb);
    assertEquals(413, refused.status());
    byte[] cut = Arrays.copyOf(packed, packed.length - 9);
    assertEquals(
        400, exchange(request(path, cut.length, "Content-Encoding: x-gzip\r\n"), cut).status());
    assertEquals(
        200, exchange(request(path, plain.length, "Content-Encoding: br\r\n"), plain).status());
    assertEquals(3, number("select count(*) from callback_receipt where verdict <> 'unreadable'"));
    assertEquals(1, number("select count(*) from callback_receipt where verdict = 'unreadable'"));
  }

  private static byte[] gzip(byte[] plain) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(plain);
    }
    return packed.toByteArray();
  }

  @Test
  void takes_64_levels_any_charset_name_and_chunks() {
    String deep =
        "{\"task_id\":\"878106242831892487\",\"task_status\":\"processing\",\"x\":"
            + "[".repeat(63)
            + "]".repeat(63)
            + "}";
    assertEquals(200, post(path, deep).status());
    assertEquals(
        200,
        exchange(
                request(
                    path,
                    bytes(body("submitted")).length,
                    "Content-Type: text/plain; charset=gbk\r\n"),
                bytes(body("submitted")))
            .status());

    String whole = body("processing");
    StringBuilder chunks = new StringBuilder();
    for (char letter : whole.toCharArray()) {
      chunks.append("1\r\n").append(letter).append("\r\n");
    }
    chunks.append("0\r\n\r\n");
    Reply reply =
        exchange(
            "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            bytes(chunks.toString()));
    assertEquals(200, reply.status(), reply.body());
  }

  @Test
  void a_missing_length_means_an_empty_body() {
    assertEquals(
        400, exchange("POST " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", new byte[0]).status());
  }

  @Test
  void more_than_a_mebibyte_is_413_however_it_is_announced() {
    int tooLarge = (1 << 20) + 1;
    assertEquals(413, exchange(request(path, tooLarge, ""), new byte[tooLarge]).status());
    assertEquals(413, exchange(request(path, 100_000_000L, ""), new byte[100]).status());
    byte[] chunk = bytes("100001\r\n" + " ".repeat(0x100001) + "\r\n0\r\n\r\n");
    assertEquals(
        413,
        exchange(
                "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                chunk)
            .status());
    String fits = "{\"task_id\":\"878106242831892487\",\"task_status\":\"processing\"}";
    assertEquals(200, post(path, fits + " ".repeat((1 << 20) - fits.length())).status());
    assertEquals(1, number("select count(*) from callback_receipt"));
  }

  @Test
  void what_cannot_be_stored_is_503_with_a_time_to_come_again() {
    callbacks.close();

    Reply reply = post(path, body("processing"));

    assertEquals(503, reply.status());
    assertTrue(reply.head().toLowerCase(Locale.ROOT).contains("\r\nretry-after: "), reply.head());
    assertEquals(0, number("select count(*) from callback_receipt"));
  }

  @Test
  void a_body_that_comes_too_slowly_is_408_and_others_are_not_held_up() throws IOException {
    List<Socket> slow = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      Socket socket = new Socket("localhost", port);
      socket.getOutputStream().write(bytes(request(path, 1000, "") + "{\"task"));
      slow.add(socket);
    }

    assertEquals(200, post(path, body("processing")).status());
    for (Socket socket : slow) {
      assertEquals(408, reply(socket).status());
      socket.close();
    }
  }

  @Test
  void a_task_with_too_many_different_callbacks_gets_no_more_rows() {
    settings.put("tracker.callback.max-receipts", "5");
    callbacks.close();
    listen();
    for (int i = 0; i < 5; i++) {
      assertEquals(200, post(path, body("word-" + i)).status());
    }

    assertEquals(429, post(path, body("word-6")).status());
    assertEquals(200, post(path, body("word-1")).status());
    assertEquals(5, number("select count(*) from callback_receipt"));
  }

  @Test
  void old_receipts_are_swept_and_waiting_ones_are_not() {
    post(path, body("processing"));
    clock.advance(Duration.ofDays(31));
    assertEquals(0, callbacks.receipts.sweep(clock.instant().minus(Duration.ofDays(30)), 100));

    callbacks.workOff();

    assertEquals(1, callbacks.receipts.sweep(clock.instant().minus(Duration.ofDays(30)), 100));
    assertEquals(0, number("select count(*) from callback_receipt"));
  }

  @Test
  void an_account_with_a_secret_takes_signed_callbacks_only() {
    settings.put("kling.accounts.default.webhook-secrets", "whsec_b3RoZXI=," + SECRET);
    callbacks.close();
    listen();
    kling.byId.get("878106242831892487").becomes("succeed");
    String body = body("succeed");
    String now = Long.toString(clock.instant().getEpochSecond());

    assertEquals(401, post(path, body).status());
    assertEquals(401, signed(body, now, "v1,AAAA").status());
    assertEquals(401, signed(body, now, signature("8", now, body)).status());
    assertEquals(401, signed(body, now, signature("7", now, body + " ")).status());
    for (long seconds : new long[] {-301, 301}) {
      String then = Long.toString(clock.instant().getEpochSecond() + seconds);
      assertEquals(401, signed(body, then, signature("7", then, body)).status());
    }
    assertEquals(401, signed(body, "now", signature("7", "now", body)).status());
    assertEquals(0, number("select count(*) from callback_receipt"));

    assertEquals(200, signed(body, now, "v2,x v1,AAAA " + signature("7", now, body)).status());
    callbacks.workOff();
    assertEquals("succeed", status());
    assertEquals("callback", text("select source from task_event where status = 'succeed'"));
    assertEquals(0, kling.calls);
  }

  @Test
  void kling_contradicting_its_own_end_is_an_alarm_and_not_applied() {
    settings.put("tracker.callback.verify", "never");
    callbacks.close();
    listen();
    post(path, body("failed"));
    callbacks.workOff();

    post(path, body("succeed"));
    callbacks.workOff();

    assertEquals("failed", status());
    assertEquals("contradicts", text("select reason from task_news"));
    assertEquals("contradicts", text("select verdict from callback_receipt where id = 2"));
  }

  @Test
  void a_result_at_a_strange_host_is_flagged() {
    settings.put("tracker.callback.verify", "never");
    callbacks.close();
    listen();

    post(path, body("succeed").replace("v15.klingai.com", "klingai.com.evil.example"));
    callbacks.workOff();

    assertEquals("succeed", status());
    assertEquals("result-host", text("select reason from task_news"));
    assertTrue(text("select detail from task_news").contains("klingai.com.evil.example"));
  }

  @Test
  void forged_callbacks_never_change_a_status() {
    tasks.apply(
        new News(
            task,
            Source.DISPATCH,
            new TaskSignal.Submitted(),
            "878106242831892487",
            null,
            null,
            "submitted"));
    Random random = new Random(20260610);
    int tried = 0;
    for (String wrong : wrongPaths(random)) {
      Reply reply = post(wrong, body("succeed"));
      assertTrue(
          reply.status() == 401 || reply.status() == 404 || reply.status() == 400,
          wrong + " " + reply);
      tried++;
    }
    assertEquals(0, number("select count(*) from callback_receipt"), "no rows for the unauthentic");

    FakeKling.Truth truth = kling.byId.get("878106242831892487");
    for (String word : List.of("succeed", "failed", "SUCCESS", "completed", "FAILURE")) {
      for (int dialect = 0; dialect < 8; dialect++) {
        for (String other : List.of("878106242831892487", "878106242831892488")) {
          String forged = kling.body(truth, word, dialect).replace("878106242831892487", other);
          assertEquals(200, post(path, forged).status());
          tried++;
        }
      }
    }
    for (int round = 0; round < 40; round++) {
      callbacks.workOff();
      reconciler.runOnce();
      clock.advance(Duration.ofSeconds(20));
    }

    assertTrue(tried >= 200, tried + " variations");
    assertEquals("processing", status());
    assertEquals(
        0, number("select count(*) from task_event where status in ('succeed', 'failed')"));
    assertTrue(number("select count(*) from task_news where reason = 'untrue'") >= 1);
    assertEquals(
        1, number("select wrong from callback_ledger where account = 'default'") > 0 ? 1 : 0);
  }

  private Set<String> wrongPaths(Random random) {
    Set<String> paths = new LinkedHashSet<>();
    String token = path.substring(path.lastIndexOf('/') + 1);
    String base = "/callbacks/kling/" + task + "/";
    for (int i = 0; i < token.length(); i++) {
      char other = token.charAt(i) == 'A' ? 'B' : 'A';
      paths.add(base + token.substring(0, i) + other + token.substring(i + 1));
      paths.add(base + token.substring(0, i) + "%00");
      paths.add(base + token.substring(i + 1) + "x");
    }
    paths.add(base + token + "A");
    paths.add(base + token + "=");
    paths.add(base + token.toLowerCase(Locale.ROOT) + "0");
    for (int i = 0; i < 60; i++) {
      String guessed = TaskId.next(clock.instant().plusMillis(i));
      paths.add("/callbacks/kling/" + guessed + "/" + token);
      byte[] guess = new byte[24];
      random.nextBytes(guess);
      paths.add(base + Base64.getUrlEncoder().withoutPadding().encodeToString(guess));
    }
    String another = GivenTasks.stored(tasks);
    paths.add(base + path(another).substring(path(another).lastIndexOf('/') + 1));
    paths.add("/callbacks/kling/878106242831892487/" + token);
    return paths;
  }

  private String body(String status) {
    return kling.body(kling.byId.get("878106242831892487"), status, 0);
  }

  private String path(String taskId) {
    return target.url(taskId).substring("http://localhost".length());
  }

  private Reply signed(String body, String timestamp, String signature) {
    byte[] bytes = bytes(body);
    return exchange(
        request(
            path,
            bytes.length,
            "Webhook-Id: 7\r\nwebhook-timestamp: %s\r\nWEBHOOK-SIGNATURE: %s\r\n"
                .formatted(timestamp, signature)),
        bytes);
  }

  private static String signature(String id, String timestamp, String body) {
    byte[] key = Base64.getDecoder().decode(SECRET.substring(6));
    return "v1,"
        + Base64.getEncoder()
            .encodeToString(Secrets.hmacSha256(key, bytes(id + "." + timestamp + "." + body)));
  }

  private Reply post(String where, String body) {
    byte[] bytes = bytes(body);
    return exchange(request(where, bytes.length, ""), bytes);
  }

  private static String request(String where, long length, String headers) {
    return "POST "
        + where
        + " HTTP/1.1\r\nHost: x\r\n"
        + headers
        + "Content-Length: "
        + length
        + "\r\n\r\n";
  }

  private Reply exchange(String head, byte[] body) {
    try (Socket socket = new Socket("localhost", port)) {
      OutputStream out = socket.getOutputStream();
      out.write(bytes(head));
      out.write(body);
      out.flush();
      return reply(socket);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Reads one answer: its head up to the empty line, and as much body as it says. */
  private static Reply reply(Socket socket) throws IOException {
    socket.setSoTimeout(10_000);
    InputStream in = socket.getInputStream();
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("hung up after " + head);
      }
      head.append((char) next);
    }
    int length = 0;
    for (String line : head.toString().split("\r\n")) {
      if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
        length = Integer.parseInt(line.substring(15).strip());
      }
    }
    String body = new String(in.readNBytes(length), StandardCharsets.UTF_8);
    return new Reply(Integer.parseInt(head.substring(9, 12)), body, head.toString());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private String status() {
    return text("select status::text from task where id = '" + task + "'");
  }

  private long number(String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(Long.class).one());
  }

  private String text(String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(String.class).one());
  }
}
