package io.klingtracker.tenant;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import io.quarkus.panache.common.Sort;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.persistence.LockModeType;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Reads and writes keys of administrators. */
@ApplicationScoped
class AdminKeyRepository implements PanacheRepositoryBase<AdminKey, UUID> {

  /** Nobody changes it meanwhile. */
  Optional<AdminKey> locked(UUID id) {
    return findByIdOptional(id, LockModeType.PESSIMISTIC_WRITE);
  }

  /** Keys that have not ended. */
  long live(Instant now) {
    return count("revokedAt is null and (expiresAt is null or expiresAt > ?1)", now);
  }

  List<AdminKey> page(int limit) {
    return findAll(Sort.descending("createdAt", "id")).page(0, limit).list();
  }
}
