package io.klingtracker.tenant;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import io.quarkus.panache.common.Sort;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.UUID;

/** Reads and writes keys of administrators. */
@ApplicationScoped
class AdminKeyRepository implements PanacheRepositoryBase<AdminKey, UUID> {

  List<AdminKey> page(int limit) {
    return findAll(Sort.descending("createdAt", "id")).page(0, limit).list();
  }
}
