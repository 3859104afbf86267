package io.klingtracker.tenant;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.request.Parameters;
import java.math.BigDecimal;
import java.util.Set;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A key as it is asked for; what is left out or null is as for {@link
 * AdminTenantResource.TenantRequest}, but that scopes cannot be removed: a key without a list has
 * all.
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@Schema(name = "KeyBody")
public record KeyRequest(
    @Nullable String name,
    @Nullable Set<String> scopes,
    @Nullable BigDecimal rate,
    @Nullable Integer burst,
    @Nullable String expiresAt,
    @Nullable Boolean suspended) {

  /** As a key has it. */
  static KeyRequest of(ApiKeys.KeySettings settings) {
    return new KeyRequest(
        settings.name(),
        settings.scopes(),
        settings.rate(),
        settings.burst(),
        settings.expiresAt() == null ? null : settings.expiresAt().toString(),
        settings.suspended());
  }

  /** What is asked for, as far as it can be read. */
  static ApiKeys.KeySettings settings(@Nullable KeyRequest body) {
    if (body == null || body.name() == null) {
      throw Parameters.invalid("send a JSON object with at least name");
    }
    return new ApiKeys.KeySettings(
        body.name(),
        body.scopes() == null ? Set.of() : body.scopes(),
        body.rate(),
        body.burst(),
        Parameters.time("expires_at", body.expiresAt()),
        Boolean.TRUE.equals(body.suspended()));
  }
}
