package io.klingtracker.egress;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.Vertx;
import java.net.InetAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ForbiddenTargetsTest {

  private static final TargetPolicy CLOSED = new TargetPolicy(false, List.of(), List.of());

  private static final PinnedClient.Limits LIMITS =
      new PinnedClient.Limits(Duration.ofSeconds(30), Duration.ofSeconds(60), 1024, 5);

  /** Spellings of our own machine; PORT becomes a port where somebody listens. */
  private static final List<String> LOOPBACK =
      List.of(
          "http://127.0.0.1:PORT/",
          "HTTP://127.0.0.1:PORT/",
          "http://127.0.0.1.:PORT/",
          "http://127.1:PORT/",
          "http://127.0.1:PORT/",
          "http://127.255.255.254:PORT/",
          "http://2130706433:PORT/",
          "http://0x7f000001:PORT/",
          "http://0X7F000001:PORT/",
          "http://0x7f.1:PORT/",
          "http://0x7f.0x0.0x0.0x1:PORT/",
          "http://017700000001:PORT/",
          "http://0177.0.0.1:PORT/",
          "http://0177.1:PORT/",
          "http://0177.0x0.0.01:PORT/",
          "http://00000177.0.0.1:PORT/",
          "http://127.0.0.0x1:PORT/",
          "http://127。0。0。1:PORT/",
          "http://127.0.0.1:PORT/",
          "http://①②⑦.0.0.1:PORT/",
          "http://0:PORT/",
          "http://0.0.0.0:PORT/",
          "http://0x:PORT/",
          "http://localhost:PORT/",
          "http://LOCALHOST:PORT/",
          "http://localhost.:PORT/",
          "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
          "http://a.localhost:PORT/",
          "http://intranet:PORT/",
          "http://kling.local:PORT/",
          "http://db.internal:PORT/",
          "http://[::1]:PORT/",
          "http://[0:0:0:0:0:0:0:1]:PORT/",
          "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
          "http://[::]:PORT/",
          "http://[::127.0.0.1]:PORT/",
          "http://[::7f00:1]:PORT/",
          "http://[::ffff:127.0.0.1]:PORT/",
          "http://[::ffff:7f00:1]:PORT/",
          "http://[0:0:0:0:0:ffff:7f00:0001]:PORT/",
          "http://[::FFFF:7F00:1]:PORT/",
          "http://[64:ff9b::127.0.0.1]:PORT/",
          "http://[64:ff9b::7f00:1]:PORT/",
          "http://[64:ff9b:1::7f00:1]:PORT/",
          "http://[2002:7f00:1::]:PORT/",
          "http://[2001:0:7f00:1::80ff:fffe]:PORT/",
          "http://[::1%25lo]:PORT/",
          "http://[::1%lo]:PORT/",
          "http://user@127.0.0.1:PORT/",
          "http://user:secret@127.0.0.1:PORT/",
          "http://example.com@127.0.0.1:PORT/",
          "http://127.0.0.1:PORT@example.com/",
          "http://example.com:80@127.0.0.1:PORT/",
          "http://127.0.0.1:PORT\\@example.com/",
          "http://example.com\\@127.0.0.1:PORT/",
          "http://127.0.0.1%2f:PORT/",
          "http://%31%32%37.0.0.1:PORT/",
          "http://127.0.0.1 :PORT/",
          "http://127.0.0.1\t:PORT/",
          "http://127.0.0.1\r\nHost: x:PORT/",
          "http:/127.0.0.1:PORT/",
          "http:127.0.0.1:PORT/",
          "//127.0.0.1:PORT/",
          "http://127.0.0.256:PORT/",
          "http://127.0.0.1.1:PORT/",
          "http://4294967296:PORT/",
          "http://0x100000000:PORT/",
          "http://127.0.0.08:PORT/",
          "ftp://127.0.0.1:PORT/",
          "gopher://127.0.0.1:PORT/_POST",
          "file:///etc/passwd",
          "javascript:alert(1)",
          "jar:http://127.0.0.1:PORT!/",
          "");

  /** Names that an attacker's DNS answers with an address of ours. */
  private static final List<String> NAMES =
      List.of(
          "http://rebind.example.com:PORT/",
          "http://127.0.0.1.nip.io.example.com:PORT/",
          "http://xn--bcher-kva.example:PORT/",
          "http://bücher.example:PORT/",
          "http://host_with_underscore.example.com:PORT/",
          "http://trailing.example.com.:PORT/");

  @Test
  void no_spelling_of_our_own_machine_connects() throws Exception {
    Vertx vertx = Vertx.vertx();
    InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    try (Receiver receiver = Receiver.start(vertx);
        PinnedClient client =
            new PinnedClient(
                vertx,
                name -> CompletableFuture.completedFuture(List.of(loopback)),
                CLOSED,
                LIMITS,
                null,
                Clock.systemUTC())) {
      assertTrue(LOOPBACK.size() + NAMES.size() >= 60);
      for (String spelling : LOOPBACK) {
        assertEquals(Failure.URL_REFUSED, failure(client, receiver, spelling), spelling);
      }
      for (String spelling : NAMES) {
        assertEquals(Failure.ADDRESS_REFUSED, failure(client, receiver, spelling), spelling);
      }
      assertEquals(0, receiver.connections());
    } finally {
      vertx.close();
    }
  }

  @Test
  void a_name_that_may_be_called_at_first_and_not_then_is_judged_at_each_attempt()
      throws Exception {
    Vertx vertx = Vertx.vertx();
    InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    // Allowed, and nobody listens there; no attempt may look a second time.
    InetAddress elsewhere = InetAddress.getByAddress(new byte[] {127, 0, 0, 9});
    Deque<InetAddress> answers = new ArrayDeque<>(List.of(elsewhere, loopback));
    try (Receiver receiver = Receiver.start(vertx);
        PinnedClient client =
            new PinnedClient(
                vertx,
                name -> CompletableFuture.completedFuture(List.of(answers.remove())),
                new TargetPolicy(false, List.of("127.0.0.9/32"), List.of()),
                LIMITS,
                null,
                Clock.systemUTC())) {
      String url = "http://rebind.example.com:PORT/";
      assertEquals(Failure.CONNECT, failure(client, receiver, url));
      assertEquals(1, answers.size());
      assertEquals(Failure.ADDRESS_REFUSED, failure(client, receiver, url));
      assertEquals(0, receiver.connections());
    } finally {
      vertx.close();
    }
  }

  private static Failure failure(PinnedClient client, Receiver receiver, String spelling)
      throws Exception {
    AttemptResult result =
        client
            .post(spelling.replace("PORT", String.valueOf(receiver.port())), Map.of(), new byte[0])
            .toCompletableFuture()
            .get(120, TimeUnit.SECONDS);
    return assertInstanceOf(AttemptResult.Unanswered.class, result, spelling).failure();
  }
}
