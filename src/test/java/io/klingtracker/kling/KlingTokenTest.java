package io.klingtracker.kling;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.Settings;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KlingTokenTest {

  @Test
  void the_jwt_has_latin_digits_in_every_locale() {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG"));
    try {
      KlingConfig.Account account =
          Settings.of(
                  KlingConfig.class,
                  Map.of(
                      "kling.accounts.default.access-key", "access",
                      "kling.accounts.default.secret-key", "secret-0123456789"))
              .accounts()
              .get("default");
      Clock clock = Clock.fixed(Instant.ofEpochSecond(1_777_385_361L), ZoneOffset.UTC);
      String claims = new KlingToken(account, clock).value("/v1/videos/text2video").split("\\.")[1];
      assertEquals(
          "{\"iss\":\"access\",\"exp\":1777387161,\"nbf\":1777385356}",
          new String(Base64.getUrlDecoder().decode(claims), StandardCharsets.UTF_8));
    } finally {
      Locale.setDefault(before);
    }
  }
}
