package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestDatabase;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The receiver as whoever finds its port meets it: over a socket. */
class CallbackRouteTest extends CallbackRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String OK = "{\"code\":0,\"message\":\"ok\"}";

  CallbackRouteTest() {
    super(DATABASE);
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

  private static byte[] gzip(byte[] plain) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(plain);
    }
    return packed.toByteArray();
  }
}
