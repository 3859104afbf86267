package io.klingtracker.tenant;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import io.quarkus.panache.common.Sort;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/** Reads and writes tenants. */
@ApplicationScoped
class TenantRepository implements PanacheRepositoryBase<Tenant, String> {

  List<Tenant> page(String after, int limit) {
    return find("id > ?1", Sort.ascending("id"), after).page(0, limit).list();
  }
}
