package io.klingtracker.tenant;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Optional;
import java.util.UUID;

/** Reads and writes keys. */
@ApplicationScoped
class ApiKeyRepository implements PanacheRepositoryBase<ApiKey, UUID> {

  Optional<ApiKey> byHash(byte[] keyHash) {
    return find("keyHash", (Object) keyHash).firstResultOptional();
  }

  Optional<ApiKey> byAccessKey(String accessKey) {
    return find("accessKey", accessKey).firstResultOptional();
  }
}
