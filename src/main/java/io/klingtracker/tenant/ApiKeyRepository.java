package io.klingtracker.tenant;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import io.quarkus.panache.common.Sort;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.persistence.LockModeType;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Administrators' view of keys; requests ask {@link KeyStore}. */
@ApplicationScoped
class ApiKeyRepository implements PanacheRepositoryBase<ApiKey, UUID> {

  private static final Sort NEWEST = Sort.descending("createdAt", "id");

  Optional<ApiKey> byHash(byte[] keyHash) {
    return find("keyHash", (Object) keyHash).firstResultOptional();
  }

  /** Nobody changes it meanwhile. */
  Optional<ApiKey> locked(String tenant, UUID id) {
    return find("tenant = ?1 and id = ?2", tenant, id)
        .withLock(LockModeType.PESSIMISTIC_WRITE)
        .firstResultOptional();
  }

  /** Keys that have not ended, of one tenant. */
  long live(String tenant, Instant now) {
    return count(
        "tenant = ?1 and revokedAt is null and (expiresAt is null or expiresAt > ?2)", tenant, now);
  }

  /** A tenant's keys, newest first. */
  List<ApiKey> page(String tenant, int limit) {
    return find("tenant = ?1", NEWEST, tenant).page(0, limit).list();
  }

  /** An administrator's key; nobody changes it meanwhile. */
  Optional<ApiKey> lockedAdmin(UUID id) {
    return find("tenant is null and id = ?1", id)
        .withLock(LockModeType.PESSIMISTIC_WRITE)
        .firstResultOptional();
  }

  /** Keys of administrators that have not ended. */
  long liveAdmins(Instant now) {
    return count(
        "tenant is null and revokedAt is null and (expiresAt is null or expiresAt > ?1)", now);
  }

  /** Administrators' keys, newest first. */
  List<ApiKey> adminPage(int limit) {
    return find("tenant is null", NEWEST).page(0, limit).list();
  }
}
