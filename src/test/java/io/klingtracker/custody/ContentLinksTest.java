package io.klingtracker.custody;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.secret.Secrets;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.upstream.UpstreamConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ContentLinksTest {

  private static final String OLD = "old-secret-0123456789abcdef0123456789abcdef";
  private static final String NEW = "new-secret-0123456789abcdef0123456789abcdef";
  private static final long END = Instant.parse("2026-03-31T13:00:00Z").getEpochSecond();

  private final TestClock clock = new TestClock(Instant.parse("2026-03-31T12:00:00.9Z"));

  private ContentLinks links(Secrets secrets, Map<String, String> custody) {
    return new ContentLinks(
        secrets,
        Settings.of(
            UpstreamConfig.class, Map.of("tracker.public-url", "https://t.example/tracker/")),
        Settings.of(CustodyConfig.class, custody),
        clock);
  }

  private ContentLinks links(Secrets secrets) {
    return links(secrets, Map.of("tracker.custody.url", "file:///tmp/x"));
  }

  @Test
  void content_has_a_url_where_results_are_copied() {
    Secrets secrets = new Secrets(OLD, List.of());
    assertEquals("https://t.example/tracker/v1/tasks/", links(secrets).url());
    assertNull(links(secrets, Map.of()).url());
  }

  @Test
  void a_link_works_for_an_hour_and_over_a_rotation() {
    ContentLinks.Signed signed = links(new Secrets(OLD, List.of())).sign("task_1", 2);
    String begin =
        "https://t.example/tracker/v1/tasks/task_1/content?index=2&expires=" + END + "&signature=";
    assertTrue(signed.url().startsWith(begin), signed.url());
    assertEquals(END, signed.expiresAt().getEpochSecond());
    String signature = signed.url().substring(begin.length());

    ContentLinks rotated = links(new Secrets(NEW, List.of(OLD)));
    assertTrue(rotated.isSigned("task_1", 2, END, signature));
    assertFalse(rotated.isSigned("task_2", 2, END, signature));
    assertFalse(rotated.isSigned("task_1", 1, END, signature));
    assertFalse(rotated.isSigned("task_1", 2, END + 1, signature));
    assertFalse(links(new Secrets(NEW, List.of())).isSigned("task_1", 2, END, signature));

    clock.advance(Duration.ofMinutes(60));
    assertFalse(rotated.isSigned("task_1", 2, END, signature));
  }
}
