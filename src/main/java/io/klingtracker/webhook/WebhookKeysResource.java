package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.secret.Secrets;
import io.klingtracker.signature.SigningKey;
import io.klingtracker.tenant.Open;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** The public keys with which receivers check {@code v1a} signatures; nobody needs to log in. */
@Path("/.well-known/webhook-keys")
@Produces(MediaType.APPLICATION_JSON)
public class WebhookKeysResource {

  private final List<Key> keys;

  /** A public key as Standard Webhooks writes it. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Key(String algorithm, String publicKey) {}

  /** All that may have signed, the current first; none while signing with ed25519 is off. */
  public record Keys(List<Key> keys) {}

  @Inject
  WebhookKeysResource(WebhookConfig config, Secrets root) {
    keys =
        config.ed25519()
            ? SigningKey.all(root).stream().map(key -> new Key("ed25519", key.publicKey())).toList()
            : List.of();
  }

  /** The keys. */
  @GET
  @Open
  @Operation(summary = "Public keys of webhook signatures")
  public Keys keys() {
    return new Keys(keys);
  }
}
