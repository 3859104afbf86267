package io.klingtracker.callback;

import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.UpstreamParts;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** The receiver on a port of its own, and a task that is at Kling. */
abstract class CallbackRig {

  static final String ROOT = "callback-route-test-0123456789abcdef";
  static final String OLD_ROOT = "callback-route-test-former-0123456789";
  final Jdbi jdbi;
  final TestClock clock = new TestClock(Instant.parse("2026-06-10T08:00:00.000Z"));
  final Tasks tasks;
  final FakeKling kling = new FakeKling(new Random(1), clock, false);
  final Map<String, String> settings = new HashMap<>();
  final Vertx vertx = Vertx.vertx();
  CallbackParts callbacks;
  ReconcileParts reconciler;
  CallbackTarget target;
  int port;
  String task;
  String path;

  CallbackRig(TestDatabase database) {
    jdbi = database.jdbi();
    tasks = TasksOnDatabase.of(jdbi, clock);
  }

  record Reply(int status, String body, String head) {}

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

  void listen() {
    UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, settings);
    target = upstream.target(ROOT, OLD_ROOT);
    callbacks = new CallbackParts(jdbi, clock, tasks, upstream, settings);
    reconciler =
        new ReconcileParts(jdbi, clock, tasks, upstream, kling, new SameThread(), settings);
    port = callbacks.listen(vertx, target, settings);
  }

  @AfterEach
  void stop() {
    callbacks.close();
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  String body(String status) {
    return kling.body(kling.byId.get("878106242831892487"), status, 0);
  }

  String path(String taskId) {
    return target.url(taskId).substring("http://localhost".length());
  }

  Reply post(String where, String body) {
    byte[] bytes = bytes(body);
    return exchange(request(where, bytes.length, ""), bytes);
  }

  static String request(String where, long length, String headers) {
    return "POST "
        + where
        + " HTTP/1.1\r\nHost: x\r\n"
        + headers
        + "Content-Length: "
        + length
        + "\r\n\r\n";
  }

  Reply exchange(String head, byte[] body) {
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
  static Reply reply(Socket socket) throws IOException {
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

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  String status() {
    return text("select status::text from task where id = '" + task + "'");
  }

  long number(String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(Long.class).one());
  }

  String text(String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(String.class).one());
  }
}
