package io.klingtracker.signature;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.standardwebhooks.Webhook;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WebhookSignerTest {

  private static final byte[] BODY =
      "{\"task_id\":\"task_01\",\"task_status\":\"succeed\",\"text\":\"日本 \\u0000 é\"}"
          .getBytes(StandardCharsets.UTF_8);

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        // The vector of the Standard Webhooks libraries.
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | msg_p5jXN8AQM9LWM0D4loKWxJek | 1614265330"
            + " | `{\"test\": 2432232314}` | v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        // The vector of Kling's callback page.
        "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI= | 9876543210 | 1781080794"
            + " | `{\"id\":\"1234567890\",\"status\":\"succeeded\",\"message\":\"\",\"create_time\":1781080778802,\"update_time\":1781080794151}`"
            + " | v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
      })
  void published_vectors_come_out(
      String secret, String id, long timestamp, String body, String signature) {
    assertEquals(
        signature,
        WebhookSigner.sign(
            id,
            Instant.ofEpochSecond(timestamp),
            body.getBytes(StandardCharsets.UTF_8),
            List.of(SigningSecret.parse(secret)),
            null));
  }

  @Test
  void the_reference_library_accepts_either_secret_while_both_live() throws Exception {
    SigningSecret old = SigningSecret.generate(new SecureRandom());
    SigningSecret fresh = SigningSecret.generate(new SecureRandom());
    Instant now = Instant.now();
    String signature =
        WebhookSigner.sign(
            "evt-1", now, BODY, List.of(fresh, old), SigningKey.ofSeed(new byte[32]));
    Map<String, List<String>> headers =
        Map.of(
            "webhook-id", List.of("evt-1"),
            "webhook-timestamp", List.of(String.valueOf(now.getEpochSecond())),
            "webhook-signature", List.of(signature));
    String text = new String(BODY, StandardCharsets.UTF_8);

    assertEquals(3, signature.split(" ").length);
    new Webhook(fresh.reveal()).verify(text, headers);
    new Webhook(old.reveal()).verify(text, headers);
    Webhook stranger = new Webhook(SigningSecret.generate(new SecureRandom()).reveal());
    assertThrows(Exception.class, () -> stranger.verify(text, headers));
    assertThrows(Exception.class, () -> new Webhook(fresh.reveal()).verify(text + " ", headers));
  }

  @ParameterizedTest
  @CsvSource({
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60,"
        + "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a,'',"
        + "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb,"
        + "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c,72,"
        + "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
  })
  void ed25519_follows_rfc_8032(String seed, String publicKey, String message, String signature) {
    HexFormat hex = HexFormat.of();
    SigningKey key = SigningKey.ofSeed(hex.parseHex(seed));

    assertEquals(
        "whpk_" + Base64.getEncoder().encodeToString(hex.parseHex(publicKey)), key.publicKey());
    assertEquals(signature, hex.formatHex(key.sign(hex.parseHex(message))));
  }

  @Test
  void the_published_key_verifies_the_v1a_part() throws Exception {
    SigningKey key = SigningKey.ofSeed(HexFormat.of().parseHex("a7".repeat(32)));
    Instant at = Instant.ofEpochSecond(1_781_080_794);
    String part = WebhookSigner.sign("evt-2", at, BODY, List.of(), key);

    byte[] raw = Base64.getDecoder().decode(key.publicKey().substring("whpk_".length()));
    byte[] der =
        HexFormat.of().parseHex("302a300506032b6570032100" + HexFormat.of().formatHex(raw));
    Signature verifier = Signature.getInstance("Ed25519");
    verifier.initVerify(
        KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der)));
    verifier.update("evt-2.1781080794.".getBytes(StandardCharsets.UTF_8));
    verifier.update(BODY);
    assertTrue(part.startsWith("v1a,"));
    assertTrue(verifier.verify(Base64.getDecoder().decode(part.substring("v1a,".length()))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "bG9jYWw=",
        "whsec_",
        "whsec_bG9jYWw=",
        "whsec_%%%",
        "whpk_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi"
      })
  void what_is_no_secret_is_refused_without_being_repeated(String text) {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> SigningSecret.parse(text));
    assertTrue(text.length() < 7 || !String.valueOf(refusal.getMessage()).contains(text));
  }

  @Test
  void a_secret_survives_storage_and_prints_as_nothing() {
    String text = "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi";
    SigningSecret secret = SigningSecret.parse(text);

    assertEquals(text, SigningSecret.ofKey(secret.key()).reveal());
    assertEquals("whsec_…", secret.toString());
  }
}
