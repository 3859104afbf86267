package io.klingtracker.tenant;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Who calls, as the database knew it a moment ago.
 *
 * @param key the key's id; null for an administrator by configuration and for people
 * @param name for the audit log
 * @param tenant whose tasks; null for administrators
 * @param scopes what the key may do
 * @param rate requests a second; null takes the configured
 * @param burst requests at once; null takes the configured
 * @param models the tenant's own model names
 * @param secretSealed of the pair; null for administrators
 * @param expiresAt the key's end
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Caller(
    @Nullable UUID key,
    String name,
    @Nullable String tenant,
    Set<Scope> scopes,
    @Nullable BigDecimal rate,
    @Nullable Integer burst,
    Quota quota,
    Map<String, String> models,
    byte @Nullable [] secretSealed,
    @Nullable Instant expiresAt) {

  /** By what the requests are counted: the key, or the person in the tenant. */
  @Nullable UUID meter() {
    if (key != null || tenant == null) {
      return key;
    }
    return UUID.nameUUIDFromBytes((tenant + "/" + name).getBytes(StandardCharsets.UTF_8));
  }

  boolean usableAt(Instant now) {
    return expiresAt == null || now.isBefore(expiresAt);
  }
}
