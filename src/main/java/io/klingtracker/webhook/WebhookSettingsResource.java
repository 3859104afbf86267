package io.klingtracker.webhook;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Secrets;
import io.klingtracker.signature.SigningKey;
import io.klingtracker.signature.SigningSecret;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Duration;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** What a tenant's webhooks are signed with and how they are sent. */
@Path("/v1/webhooks/settings")
@Tag(ref = "Webhook Resource")
@Produces(MediaType.APPLICATION_JSON)
public class WebhookSettingsResource {

  private static final Logger LOG = Logger.getLogger(WebhookSettingsResource.class);

  private final DeliveryQueries queries;
  private final SecretStore secrets;
  private final WebhookConfig config;
  private final Secrets root;
  private final CurrentCaller caller;

  /** A live secret; its value is shown once, when it is made. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record SecretView(String createdAt, @Nullable String expiresAt) {}

  /**
   * How webhooks are signed and sent.
   *
   * @param secret the new secret, in the answer to its rotation only
   * @param retries seconds to wait after each failed attempt
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Settings(
      @Nullable String secret,
      List<SecretView> secrets,
      @Nullable String ed25519PublicKey,
      List<Long> retries,
      long timeoutSeconds,
      List<HostView> failingHosts) {}

  /**
   * A change of settings.
   *
   * @param rotateSecret true to have a new secret made
   * @param secret a secret of the tenant's own choice
   * @param overlapSeconds how long the former secret signs as well
   */
  @Schema(name = "Change")
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record SettingsRequest(
      @Nullable Boolean rotateSecret, @Nullable String secret, @Nullable Long overlapSeconds) {}

  @Inject
  WebhookSettingsResource(
      DeliveryQueries queries,
      SecretStore secrets,
      WebhookConfig config,
      Secrets root,
      CurrentCaller caller) {
    this.queries = queries;
    this.secrets = secrets;
    this.config = config;
    this.root = root;
    this.caller = caller;
  }

  /** How webhooks are signed and sent. */
  @GET
  @Needs(Scope.WEBHOOKS)
  @Operation(summary = "Webhook settings")
  public Settings settings() {
    return settings(null);
  }

  /** Changes the secret; the new one is in this answer and never again. */
  @PUT
  @Needs(Scope.WEBHOOKS)
  @Consumes(MediaType.APPLICATION_JSON)
  @Operation(summary = "Rotate the webhook secret")
  public Settings change(@Nullable SettingsRequest request) {
    if (request == null
        || !Boolean.TRUE.equals(request.rotateSecret()) && request.secret() == null) {
      throw Parameters.invalid(
          "send {\"rotate_secret\": true} for a new secret, or {\"secret\": \"whsec_…\"} for one of yours");
    }
    SigningSecret made =
        secrets.rotate(
            caller.tenant(), chosen(request.secret()), overlap(request.overlapSeconds()));
    return shown(made.reveal());
  }

  /** The secret is stored and signs from now on: it is shown even if nothing else can be read. */
  private Settings shown(String secret) {
    try {
      return settings(secret);
    } catch (RuntimeException e) {
      LOG.warnf(
          "a webhook secret was changed, but the settings cannot be read: %s", e.getMessage());
      return settings(secret, List.of(), List.of());
    }
  }

  private static @Nullable SigningSecret chosen(@Nullable String secret) {
    try {
      return secret == null ? null : SigningSecret.parse(secret);
    } catch (IllegalArgumentException e) {
      throw Parameters.invalid("secret: " + e.getMessage());
    }
  }

  private Duration overlap(@Nullable Long seconds) {
    Duration most = config.secretOverlap();
    if (seconds == null) {
      return most;
    }
    if (seconds < 0 || seconds > most.toSeconds()) {
      throw Parameters.invalid("overlap_seconds must be 0 to " + most.toSeconds());
    }
    return Duration.ofSeconds(seconds);
  }

  private Settings settings(@Nullable String shown) {
    return settings(
        shown,
        secrets.describe(caller.tenant()).stream()
            .map(
                secret ->
                    new SecretView(
                        Rfc3339.format(secret.createdAt()),
                        secret.expiresAt() == null ? null : Rfc3339.format(secret.expiresAt())))
            .toList(),
        queries.hosts(caller.tenant(), false));
  }

  private Settings settings(@Nullable String shown, List<SecretView> known, List<HostView> hosts) {
    return new Settings(
        shown,
        known,
        config.ed25519() ? SigningKey.of(root).publicKey() : null,
        config.retries().stream().map(Duration::toSeconds).toList(),
        config.timeout().toSeconds(),
        hosts);
  }
}
