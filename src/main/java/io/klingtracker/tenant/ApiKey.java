package io.klingtracker.tenant;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A key of a tenant, with its access and secret pair, or of an administrator, without. The key is
 * stored as a hash, the secret sealed.
 */
@Entity
@Table(name = "api_key")
class ApiKey {

  @Id UUID id;

  /** Null of an administrator's. */
  @Column(name = "tenant_id")
  @Nullable String tenant;

  /** Null of a tenant's, which has scopes. */
  @Column(name = "admin_right")
  @Nullable String adminRight;

  String name;

  String prefix;

  @Column(name = "key_hash")
  byte[] keyHash;

  @Column(name = "access_key")
  @Nullable String accessKey;

  @Column(name = "secret_sealed")
  byte @Nullable [] secretSealed;

  private @Nullable String scopes;

  /**
   * Of the scopes the one that versions before it do not know: they read the column of the others,
   * and would refuse the key. Null of a key without it.
   */
  private @Nullable Boolean erases;

  @Nullable BigDecimal rate;

  @Nullable Integer burst;

  @Column(name = "created_at")
  Instant createdAt;

  @Column(name = "expires_at")
  @Nullable Instant expiresAt;

  @Column(name = "revoked_at")
  @Nullable Instant revokedAt;

  @Column(name = "suspended_at")
  @Nullable Instant suspendedAt;

  /** Written by {@link KeyStore} alone: a change of the key must not bring an older one back. */
  @Column(name = "last_used_at", insertable = false, updatable = false)
  @Nullable Instant lastUsedAt;

  protected ApiKey() {}

  /** A tenant's. */
  ApiKey(
      UUID id,
      String tenant,
      String name,
      String prefix,
      byte[] keyHash,
      String accessKey,
      byte[] secretSealed,
      Instant createdAt) {
    this(id, name, prefix, keyHash, createdAt);
    this.tenant = tenant;
    this.accessKey = accessKey;
    this.secretSealed = secretSealed;
    allow(Scope.PRESET);
  }

  private ApiKey(UUID id, String name, String prefix, byte[] keyHash, Instant createdAt) {
    this.id = id;
    this.name = name;
    this.prefix = prefix;
    this.keyHash = keyHash;
    this.createdAt = createdAt;
  }

  /** The same with everything that keys can be allowed. */
  ApiKey withAllScopes() {
    allow(Scope.ALL);
    return this;
  }

  /** Sets what a tenant's may do. */
  void allow(Set<Scope> allowed) {
    Set<Scope> older = EnumSet.noneOf(Scope.class);
    older.addAll(allowed);
    older.remove(Scope.ERASE);
    // A key for nothing else is of no use to older versions.
    this.scopes = Scope.words(older.isEmpty() ? allowed : older);
    this.erases = allowed.contains(Scope.ERASE) ? true : null;
  }

  /** What it may do; nothing of a tenant's where it is an administrator's. */
  Set<Scope> allowed() {
    Set<Scope> allowed = scopes == null ? EnumSet.noneOf(Scope.class) : Scope.of(scopes);
    if (erases != null && erases) {
      allowed.add(Scope.ERASE);
    }
    return allowed;
  }

  /** An administrator's, who may do everything. */
  static ApiKey ofAdmin(UUID id, String name, String prefix, byte[] keyHash, Instant createdAt) {
    ApiKey key = new ApiKey(id, name, prefix, keyHash, createdAt);
    key.adminRight = "write";
    return key;
  }
}
