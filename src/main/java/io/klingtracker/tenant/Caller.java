package io.klingtracker.tenant;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
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
 * @param trackAccounts Kling accounts on which other programs' tasks may be watched
 * @param suspended what is suspended, in words; null for nothing
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
    Set<String> trackAccounts,
    @Nullable String suspended,
    byte @Nullable [] secretSealed,
    @Nullable Instant expiresAt) {

  /** By what the requests are counted: the key, or the person in the tenant. */
  @Nullable UUID rateKey() {
    if (key != null || tenant == null) {
      return key;
    }
    return UUID.nameUUIDFromBytes((tenant + "/" + name).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Itself.
   *
   * @throws ProblemException when its tenant or key is suspended
   */
  Caller notSuspended() {
    if (suspended != null) {
      throw new ProblemException(
          ErrorCode.FORBIDDEN, suspended + " is suspended; the service's operator can say why");
    }
    return this;
  }

  boolean usableAt(Instant now) {
    return expiresAt == null || now.isBefore(expiresAt);
  }
}
