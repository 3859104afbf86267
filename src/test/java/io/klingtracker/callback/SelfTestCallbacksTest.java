package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.SelfTests;
import io.klingtracker.upstream.UpstreamParts;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is told of a test callback: the vector is Kling's own. */
class SelfTestCallbacksTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String BODY =
      "{\"id\":\"1234567890\",\"status\":\"succeeded\",\"message\":\"\",\"create_time\":1781080778802,"
          + "\"update_time\":1781080794151}";
  private static final String SIGNATURE = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=";

  private final SelfTests tests =
      new SelfTests(DATABASE.jdbi(), new ObjectMapper(), UpstreamParts.target());
  private final SelfTestCallbacks callbacks =
      new SelfTestCallbacks(
          tests,
          Settings.of(
              KlingConfig.class,
              Map.of(
                  "kling.accounts.signed.api-key", "k",
                  "kling.accounts.signed.webhook-secrets",
                      "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=",
                  "kling.accounts.plain.api-key", "k")),
          new TestClock(Instant.ofEpochSecond(1781080800)));

  @Test
  void a_right_signature_is_told() {
    receive("signed", SIGNATURE);

    assertTrue(tests.of("signed").callbackOk());
    assertEquals("its signature is right; " + BODY, tests.of("signed").callbackDetail());
  }

  @Test
  void a_wrong_or_missing_one_is_refused_and_told() {
    assertThrows(ProblemException.class, () -> receive("signed", "v1,AAAA"));
    assertFalse(tests.of("signed").callbackOk());
    assertEquals(
        "its signature is wrong, or too old; " + BODY, tests.of("signed").callbackDetail());

    assertThrows(ProblemException.class, () -> receive("signed", null));
    assertEquals("its signature is missing; " + BODY, tests.of("signed").callbackDetail());
  }

  @Test
  void an_account_without_a_secret_takes_any() {
    receive("plain", SIGNATURE);
    assertTrue(tests.of("plain").callbackOk());
    assertEquals(
        "its signature is not checked: the account has no webhook-secrets; " + BODY,
        tests.of("plain").callbackDetail());
  }

  @Test
  void a_long_body_is_cut() {
    callbacks.receive("plain", headers(null), "{".repeat(100_000).getBytes(StandardCharsets.UTF_8));

    assertFalse(tests.of("plain").callbackOk());
    assertTrue(tests.of("plain").callbackDetail().length() < 2000);
  }

  private void receive(String account, @Nullable String signature) {
    callbacks.receive(account, headers(signature), BODY.getBytes(StandardCharsets.UTF_8));
  }

  private static CallbackHeaders headers(@Nullable String signature) {
    return new CallbackHeaders("9876543210", "1781080794", signature, "application/json", "test");
  }
}
