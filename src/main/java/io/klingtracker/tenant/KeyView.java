package io.klingtracker.tenant;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.time.Rfc3339;
import jakarta.ws.rs.core.Response;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** A key as it is shown; its secrets only when it has just been made. */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@Schema(name = "KeyShown")
public record KeyView(
    String id,
    String name,
    String prefix,
    @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) String accessKey,
    @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> scopes,
    @Nullable BigDecimal rate,
    @Nullable Integer burst,
    boolean suspended,
    String createdAt,
    @Nullable String expiresAt,
    @Nullable String revokedAt,
    @Nullable String lastUsedAt,
    @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) String apiKey,
    @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) String secretKey) {

  /** Keys, newest first. */
  @Schema(name = "Keys")
  public record Keys(List<KeyView> keys) {

    static Keys of(List<ApiKeys.KeyInfo> keys) {
      return new Keys(keys.stream().map(KeyView::of).toList());
    }
  }

  /** Without its secrets. */
  static KeyView of(ApiKeys.KeyInfo key) {
    return of(key, null, null);
  }

  /** The answer to the call that made it. */
  static Response made(ApiKeys.CreatedKey made) {
    return Response.status(Response.Status.CREATED)
        .header("Cache-Control", "no-store")
        .entity(of(made.key(), made.apiKey(), made.secretKey()))
        .build();
  }

  private static KeyView of(
      ApiKeys.KeyInfo key, @Nullable String apiKey, @Nullable String secretKey) {
    ApiKeys.KeySettings settings = key.settings();
    return new KeyView(
        key.id().toString(),
        settings.name(),
        key.prefix(),
        key.accessKey(),
        settings.scopes().stream().sorted().toList(),
        settings.rate(),
        settings.burst(),
        settings.suspended(),
        Rfc3339.format(key.createdAt()),
        time(settings.expiresAt()),
        time(key.revokedAt()),
        time(key.lastUsedAt()),
        apiKey,
        secretKey);
  }

  private static @Nullable String time(@Nullable Instant time) {
    return time == null ? null : Rfc3339.format(time);
  }
}
