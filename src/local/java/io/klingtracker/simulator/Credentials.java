package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** Who calls: a JWT of a key pair on legacy paths, an API key everywhere. */
final class Credentials {

  private static final String BEARER = "Bearer ";
  private static final String NO_PAIRS =
      "Authentication error. The current API does not support AK/SK; please go to the console"
          + " (https://kling.ai/dev/api-key) to create API key.";

  private final SimulatorSettings settings;

  Credentials(SimulatorSettings settings) {
    this.settings = settings;
  }

  /** Which of an account's two an authorization is, in the words of {@link Fault.Revoked}. */
  static String kind(@Nullable String authorization) {
    return authorization != null && authorization.split("\\.", -1).length == 3
        ? "key-pair"
        : "api-key";
  }

  /** The caller's account, or Kling's refusal, 1000 to 1004. */
  String account(@Nullable String authorization, boolean newGeneration) {
    if (authorization == null || authorization.isBlank()) {
      throw new Refusal(401, 1001, "Authorization is empty");
    }
    if (!authorization.startsWith(BEARER)) {
      throw new Refusal(401, 1002, "Authorization is invalid");
    }
    String token = authorization.substring(BEARER.length());
    String account = settings.accountOfApiKey(token);
    if (account != null) {
      return account;
    }
    if (newGeneration) {
      throw new Refusal(401, 1002, NO_PAIRS);
    }
    return accountOfToken(token);
  }

  private String accountOfToken(String token) {
    String[] parts = token.split("\\.", -1);
    if (parts.length != 3) {
      // Kling counts no parts at all where there is no dot.
      throw new Refusal(
          401,
          1002,
          "The token was expected to have 3 parts, but got "
              + (parts.length == 1 ? 0 : parts.length));
    }
    JsonNode header = decode(parts[0]);
    JsonNode claims = decode(parts[1]);
    SimulatorSettings.Account account = settings.pair(claims.path("iss").asText());
    if (account == null
        || !header.path("alg").asText().equals("HS256")
        || !isSigned(account, parts)) {
      throw new Refusal(401, 1000, "Authentication failed");
    }
    long now = settings.clock.millis() / 1000;
    if (claims.path("nbf").asLong(0) > now) {
      throw new Refusal(401, 1003, "Authorization is not valid yet");
    }
    if (!claims.has("exp")) {
      throw new Refusal(401, 1000, "Authentication failed");
    }
    if (claims.path("exp").asLong() <= now) {
      throw new Refusal(401, 1004, "Authorization has expired");
    }
    return account.name();
  }

  private static boolean isSigned(SimulatorSettings.Account account, String[] parts) {
    byte[] key = String.valueOf(account.secretKey()).getBytes(StandardCharsets.UTF_8);
    String expected =
        Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(Signature.hmac(key, parts[0] + "." + parts[1]));
    return MessageDigest.isEqual(
        expected.getBytes(StandardCharsets.US_ASCII), parts[2].getBytes(StandardCharsets.US_ASCII));
  }

  private static JsonNode decode(String part) {
    try {
      return Json.MAPPER.readTree(Base64.getUrlDecoder().decode(part));
    } catch (IOException | IllegalArgumentException e) {
      throw new Refusal(401, 1002, "The token cannot be decoded");
    }
  }
}
