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

  List<ApiKey> page(String tenant, int limit) {
    return find("tenant = ?1", Sort.descending("createdAt", "id"), tenant).page(0, limit).list();
  }
}
