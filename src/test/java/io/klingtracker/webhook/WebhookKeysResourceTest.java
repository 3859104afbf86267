package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.secret.Secrets;
import io.klingtracker.signature.SigningKey;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class WebhookKeysResourceTest {

  @Test
  void former_public_keys_stay_listed_while_their_secret_is_remembered() {
    String former = "a-former-root-secret-0123456789abcdef";
    String current = "a-newer-root-secret-0123456789abcdefg";
    WebhookConfig on = SenderRig.config(Map.of("tracker.webhook.ed25519", "true"));

    List<WebhookKeysResource.Key> keys =
        new WebhookKeysResource(on, new Secrets(current, List.of(former))).keys().keys();

    assertEquals(
        List.of(
            SigningKey.of(new Secrets(current, List.of())).publicKey(),
            SigningKey.of(new Secrets(former, List.of())).publicKey()),
        keys.stream().map(WebhookKeysResource.Key::publicKey).toList());
    assertEquals(
        List.of(),
        new WebhookKeysResource(SenderRig.config(Map.of()), new Secrets(current, List.of(former)))
            .keys()
            .keys());
  }
}
