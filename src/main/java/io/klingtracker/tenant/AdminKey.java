package io.klingtracker.tenant;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A key of {@code /admin/v1}; stored as a hash. */
@Entity
@Table(name = "admin_key")
class AdminKey {

  @Id UUID id;

  String name;

  String prefix;

  @Column(name = "key_hash")
  byte[] keyHash;

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

  protected AdminKey() {}

  AdminKey(
      UUID id,
      String name,
      String prefix,
      byte[] keyHash,
      Instant createdAt,
      @Nullable Instant expiresAt) {
    this.id = id;
    this.name = name;
    this.prefix = prefix;
    this.keyHash = keyHash;
    this.createdAt = createdAt;
    this.expiresAt = expiresAt;
  }
}
