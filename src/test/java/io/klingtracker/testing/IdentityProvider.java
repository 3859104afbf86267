package io.klingtracker.testing;

import com.sun.net.httpserver.HttpServer;
import io.smallrye.jwt.build.Jwt;
import io.smallrye.jwt.build.JwtClaimsBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;

/** An OpenID Connect provider of a test run's own: its discovery document, its key, its tokens. */
public final class IdentityProvider {

  /** Whom its tokens are for. */
  public static final String AUDIENCE = "kling-task-tracker";

  private static final String KEY_ID = "test-key-1";

  private IdentityProvider() {}

  /** Where it is, and its {@code iss}; it begins when it is first asked for. */
  public static String url() {
    return SharedServers.once("oidc.url", IdentityProvider::start);
  }

  private static String start() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(2048);
      KeyPair pair = generator.generateKeyPair();
      SharedServers.once(
          "oidc.key", () -> Base64.getEncoder().encodeToString(pair.getPrivate().getEncoded()));
      HttpServer server =
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
      String url = "http://localhost:" + server.getAddress().getPort();
      answer(
          server,
          "/.well-known/openid-configuration",
          """
          {"issuer":"%1$s","jwks_uri":"%1$s/jwks","authorization_endpoint":"%1$s/authorize",
           "token_endpoint":"%1$s/token","id_token_signing_alg_values_supported":["RS256"]}
          """
              .formatted(url));
      RSAPublicKey key = (RSAPublicKey) pair.getPublic();
      answer(
          server,
          "/jwks",
          """
          {"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"%s","n":"%s","e":"%s"}]}
          """
              .formatted(KEY_ID, number(key.getModulus()), number(key.getPublicExponent())));
      server.start();
      return url;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void answer(HttpServer server, String path, String body) {
    server.createContext(
        path,
        exchange -> {
          byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(200, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
  }

  private static String number(BigInteger number) {
    byte[] bytes = number.toByteArray();
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(bytes[0] == 0 ? Arrays.copyOfRange(bytes, 1, bytes.length) : bytes);
  }

  /** A token's claims as this provider makes them, good for five minutes. */
  public static JwtClaimsBuilder claims(Map<String, Object> claims) {
    return Jwt.claims(claims)
        .issuer(url())
        .audience(AUDIENCE)
        .subject("8d1c")
        .expiresIn(Duration.ofMinutes(5));
  }

  /** Signed with the provider's key. */
  public static String sign(JwtClaimsBuilder claims) {
    url();
    return claims.jws().keyId(KEY_ID).sign(key());
  }

  private static PrivateKey key() {
    try {
      return KeyFactory.getInstance("RSA")
          .generatePrivate(
              new PKCS8EncodedKeySpec(
                  Base64.getDecoder().decode(SharedServers.once("oidc.key", () -> ""))));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
