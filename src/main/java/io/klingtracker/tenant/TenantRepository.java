package io.klingtracker.tenant;

import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import jakarta.enterprise.context.ApplicationScoped;

/** Reads and writes tenants. */
@ApplicationScoped
class TenantRepository implements PanacheRepositoryBase<Tenant, String> {}
