package io.klingtracker.retention;

import io.klingtracker.database.SqlFile;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** What is left of tenants that are being deleted. */
@Singleton
class TenantDeletionStore {

  /** Most tenants that are looked at in one turn. */
  private static final int MOST = 100;

  private static final String DELETE = SqlFile.read(TenantDeletionStore.class, "DeleteTenant");

  private static final String DELETING =
      "select id from tenant where deleting_at is not null order by deleting_at, id limit " + MOST;

  private static final String WAITING =
      "select task_id from dispatch_queue where tenant_id = :tenant and sent_at is null order by task_id limit :limit";

  private static final String ENDED =
      """
      select id from task where tenant_id = :tenant and status in ('expired', 'succeed', 'failed', 'canceled')
      order by id limit :limit
      """;

  /** Tasks that have not ended are in one of the small queues. */
  private static final String LEFT =
      """
      select (select count(*) from task where tenant_id = :tenant) as tasks,
        (select count(*) from dispatch_queue where tenant_id = :tenant and sent_at is null) as waiting,
        (select count(*) from (select task_id from open_task union select task_id from dispatch_queue where tenant_id = :tenant) q
         join task t on t.id = q.task_id
         where t.tenant_id = :tenant and t.status in ('queued', 'submitted', 'processing')) as under_way
      """;

  private final Jdbi jdbi;

  @Inject
  TenantDeletionStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * A tenant's tasks.
   *
   * @param tasks all of them
   * @param waiting those for which nothing was sent to Kling
   * @param underWay those that have not ended, waiting or not
   */
  record Left(int tasks, int waiting, int underWay) {}

  /** How many tasks there are. */
  Left left(String tenant) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LEFT)
                .bind("tenant", tenant)
                .map(
                    (row, context) ->
                        new Left(
                            row.getInt("tasks"), row.getInt("waiting"), row.getInt("under_way")))
                .one());
  }

  /** Tenants that are being deleted, the first ones. */
  List<String> deleting() {
    return jdbi.withHandle(handle -> handle.createQuery(DELETING).mapTo(String.class).list());
  }

  /** Tasks for which nothing was sent, the oldest. */
  List<String> waiting(String tenant, int limit) {
    return some(WAITING, tenant, limit);
  }

  /** Tasks that have ended, the oldest. */
  List<String> ended(String tenant, int limit) {
    return some(ENDED, tenant, limit);
  }

  private List<String> some(String statement, String tenant, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(statement)
                .bind("tenant", tenant)
                .bind("limit", limit)
                .mapTo(String.class)
                .list());
  }

  /**
   * Deletes a tenant that has no tasks.
   *
   * @param before its deletion has to have begun before this
   * @param now when what has to be deleted outside of the database is erased
   * @return whether it is gone
   */
  boolean delete(String tenant, Instant before, Instant now) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(DELETE)
                .bind("tenant", tenant)
                .bind("before", before)
                .bind("now", now)
                .mapTo(String.class)
                .findOne()
                .isPresent());
  }
}
