package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Secrets;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is refused before anybody asks the database. */
class KeyAuthenticatorTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");

  private final KeyAuthenticator authenticator =
      new KeyAuthenticator(
          new KeyStore(
              Jdbi.create(
                  () -> {
                    throw new AssertionError("the database was asked");
                  }),
              new ObjectMapper(),
              Clock.fixed(NOW, ZoneOffset.UTC),
              io.klingtracker.testing.Settings.of(KlingConfig.class, Map.of())),
          new Secrets("0123456789abcdef0123456789abcdef", List.of()),
          Clock.fixed(NOW, ZoneOffset.UTC),
          new ObjectMapper(),
          new Settings());

  private static final class Settings
      implements TenantConfig, TenantConfig.Bootstrap, TenantConfig.Keys {

    @Override
    public Optional<String> adminKey() {
      return Optional.of("an-admin-key");
    }

    @Override
    public TenantConfig.Bootstrap bootstrap() {
      return this;
    }

    @Override
    public TenantConfig.Keys keys() {
      return this;
    }

    @Override
    public String tenant() {
      return "default";
    }

    @Override
    public Optional<String> apiKey() {
      return Optional.of("a-configured-key");
    }

    @Override
    public Optional<String> accessKey() {
      return Optional.empty();
    }

    @Override
    public Optional<String> secretKey() {
      return Optional.empty();
    }

    @Override
    public Duration cache() {
      return Duration.ofSeconds(5);
    }

    @Override
    public OptionalDouble rate() {
      return OptionalDouble.empty();
    }

    @Override
    public OptionalInt burst() {
      return OptionalInt.empty();
    }
  }

  static Stream<List<String>> malformed() {
    String key = KeyFormat.API.make();
    String wrong = key.substring(0, key.length() - 1) + (key.endsWith("x") ? 'y' : 'x');
    return Stream.of(
        List.of("Bearer " + wrong),
        List.of("Bearer " + key.substring(0, 20)),
        List.of("Bearer " + key + "0"),
        List.of("Bearer " + KeyFormat.ADMIN.make()),
        List.of("Bearer " + KeyFormat.ACCESS.make()),
        List.of("Bearer sk-"),
        List.of("Bearer a.b.c"),
        List.of("Bearer " + jwt("{\"alg\":\"none\"}", "{\"iss\":\"x\"}")),
        List.of("Bearer " + jwt("{\"alg\":\"RS256\"}", "{\"iss\":\"x\"}")),
        List.of("Bearer " + jwt("{\"alg\":\"HS256\"}", "{\"iss\":\"made-up\",\"exp\":1}")),
        List.of("Bearer " + jwt("{\"alg\":\"HS256\"}", "[]")),
        List.of("Bearer"),
        List.of("Bearer "),
        List.of("Basic " + key),
        List.of(key),
        List.of("Bearer " + "x".repeat(5000)),
        List.of("Bearer " + key, "Bearer " + key));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void a_malformed_key_is_refused_without_a_query(List<String> authorization) {
    ProblemException refused =
        assertThrows(ProblemException.class, () -> authenticator.tenantKey(authorization));

    assertEquals(ErrorCode.AUTHORIZATION_INVALID, refused.code());
    assertNull(authenticator.name(false, authorization));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void a_malformed_admin_key_is_refused_without_a_query(List<String> authorization) {
    if (!authorization.get(0).contains("adm-")) {
      assertThrows(ProblemException.class, () -> authenticator.adminKey(authorization));
    }
  }

  @Test
  void no_header_is_1001_and_the_configured_admin_needs_no_query() {
    for (List<String> none : Arrays.<List<String>>asList(null, List.of(), List.of(" "))) {
      ProblemException refused =
          assertThrows(ProblemException.class, () -> authenticator.tenantKey(none));
      assertEquals(ErrorCode.AUTHORIZATION_MISSING, refused.code());
    }
    assertEquals(
        "tracker.admin-key", authenticator.adminKey(List.of("Bearer an-admin-key")).name());
  }

  private static String jwt(String header, String claims) {
    return part(header) + "." + part(claims) + "." + part("signature");
  }

  private static String part(String text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
