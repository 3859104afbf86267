package io.klingtracker.tenant;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.hibernate.orm.panache.PanacheRepositoryBase;
import io.quarkus.panache.common.Sort;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.persistence.LockModeType;
import java.time.Instant;
import java.util.Collection;
import java.util.List;

/** Reads and writes tenants. */
@ApplicationScoped
class TenantRepository implements PanacheRepositoryBase<Tenant, String> {

  static final String KEEP_THE_ONLY_ONES =
      """
      update tenant set track_accounts = cast(:configured as text[])
      where track_accounts is null and (select count(*) from tenant) = 1
      """;

  /**
   * Writes down what the only tenant may track on before another one is made, so that it keeps
   * that.
   */
  void keepTheOnlyOnesAccounts(Collection<String> configured) {
    getEntityManager()
        .createNativeQuery(KEEP_THE_ONLY_ONES)
        .setParameter("configured", configured.toArray(String[]::new))
        .executeUpdate();
  }

  /** Until the transaction ends nobody else, on whichever replica, does what has this name. */
  void oneAtATime(String what) {
    getEntityManager()
        .createNativeQuery(
            "select cast(pg_advisory_xact_lock(hashtext('kling-task-tracker/' || :what)) as text)")
        .setParameter("what", what)
        .getSingleResult();
  }

  /** Makes a tenant, unless there is one of this id, whoever makes it at the same time. */
  boolean insert(String id, String name, Instant now) {
    int inserted =
        getEntityManager()
            .createNativeQuery(
                "insert into tenant (id, name, created_at) values (:id, :name, :now) on conflict do nothing")
            .setParameter("id", id)
            .setParameter("name", name)
            .setParameter("now", now)
            .executeUpdate();
    return inserted == 1;
  }

  /**
   * One tenant.
   *
   * @throws ProblemException when there is none of this id
   */
  Tenant one(String id) {
    return findByIdOptional(Tenant.isId(id) ? id : "").orElseThrow(TenantRepository::none);
  }

  /**
   * One tenant, which nobody changes until the transaction ends.
   *
   * @throws ProblemException when there is none of this id
   */
  Tenant oneLocked(String id) {
    return findByIdOptional(Tenant.isId(id) ? id : "", LockModeType.PESSIMISTIC_WRITE)
        .orElseThrow(TenantRepository::none);
  }

  /**
   * The same of one that is to be changed.
   *
   * @throws ProblemException when there is none of this id, or it is being deleted
   */
  Tenant oneThatStays(String id) {
    Tenant tenant = oneLocked(id);
    if (tenant.deletingAt != null) {
      throw new ProblemException(ErrorCode.CONFLICT, "the tenant " + id + " is being deleted");
    }
    return tenant;
  }

  List<Tenant> page(String after, int limit) {
    return find("id > ?1", Sort.ascending("id"), after).page(0, limit).list();
  }

  private static ProblemException none() {
    return new ProblemException(ErrorCode.NOT_FOUND, "there is no tenant with this id");
  }
}
