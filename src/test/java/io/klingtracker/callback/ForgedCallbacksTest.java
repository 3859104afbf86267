package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.secret.Hashes;
import io.klingtracker.secret.Secrets;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Tokens and signatures: whose callbacks are taken. */
class ForgedCallbacksTest extends CallbackRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";

  ForgedCallbacksTest() {
    super(DATABASE);
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
  void what_names_another_task_s_id_moves_none_that_kling_knows_by_no_id_of_ours() {
    String given = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(60));
    tasks.apply(
        new News(
            given,
            Source.ADMIN,
            new TaskSignal.Submitted(),
            "878106242831892487",
            null,
            null,
            "submitted"));
    jdbi.useHandle(h -> h.execute("update open_task set unnamed = true where task_id = ?", task));

    for (String status : List.of("processing", "succeed")) {
      assertEquals(200, post(path, body(status)).status());
      callbacks.workOff();
    }

    assertEquals("queued", status());
    assertEquals(2, number("select sum(1 + repeats) from task_news where reason = 'other-task'"));
    assertEquals(0, number("select count(*) from open_task where ask_id is not null"));
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
            .encodeToString(Hashes.hmacSha256(key, bytes(id + "." + timestamp + "." + body)));
  }
}
