package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.callback.CallbackResource.CallbackView;
import io.klingtracker.callback.CallbackResource.CallbacksView;
import io.klingtracker.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TaskCallbacksTest extends CallbackRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String HEADERS =
      "{\"id\":\"7\",\"timestamp\":\"1781080794\",\"signature\":\"v1,UsKlJP00Xo=\",\"contentType\":\"text/plain\",\"userAgent\":null}";

  private ReceiptStore receipts;
  private TaskCallbacks shown;

  TaskCallbacksTest() {
    super(DATABASE);
  }

  @BeforeEach
  void stores() {
    receipts = new ReceiptStore(jdbi);
    shown = new TaskCallbacks(receipts, new ObjectMapper());
  }

  private void keep(byte[] body) {
    receipts.keep(
        List.of(Receipt.of(task, body, HEADERS, true, null, Instant.parse("2026-06-10T08:00:01Z"))),
        Set.of());
  }

  @Test
  void nothing_secret_is_shown_and_the_body_is_as_it_came() {
    String body = "no JSON \u00FC, about " + target.url(task);
    keep(body.getBytes(StandardCharsets.UTF_8));

    CallbackView callback = shown.of(task).callbacks().get(0);

    String token = target.url(task).replaceAll(".*/", "");
    assertEquals(body.replace(token, "…"), callback.body());
    assertEquals("v1,…", callback.headers().signature());
    assertEquals("7", callback.headers().id());
    assertEquals("text/plain", callback.headers().contentType());
    assertEquals("2026-06-10T08:00:01.000Z", callback.at());
    assertEquals("unreadable", callback.verdict());
    assertFalse(callback.applied());
  }

  @Test
  void an_answer_is_bounded_in_bytes_and_says_what_is_missing() {
    for (int i = 0; i < 7; i++) {
      byte[] body = new byte[1 << 20];
      body[0] = (byte) ('a' + i);
      keep(body);
    }

    CallbacksView page = shown.of(task);

    assertEquals(4, page.callbacks().size());
    assertEquals(3, page.leftOut());
    assertTrue(page.callbacks().get(0).body().startsWith("a"));
  }

  @ParameterizedTest
  @CsvSource({"'v1,abc','v1,…'", "'v1,abc v1a,def','v1,… v1a,…'", "abc,…", "'',…"})
  void signatures_are_cut(String header, String left) {
    assertEquals(left, TaskCallbacks.withoutSignatures(header));
  }

  @Test
  void no_header_stays_none() {
    assertEquals(null, TaskCallbacks.withoutSignatures(null));
  }
}
