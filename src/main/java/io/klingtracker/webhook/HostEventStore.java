package io.klingtracker.webhook;

import io.klingtracker.database.Rows;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** Pauses and their ends, as the statements that made them wrote them. */
@Singleton
class HostEventStore {

  private static final String LIST =
      """
      select id, event_id::text as event_id, tenant_id as tenant, host, state, reason, at as occurred_at
      from webhook_host_event where tenant_id = :tenant and id < :before order by id desc limit :limit
      """;

  private final Jdbi jdbi;

  @Inject
  HostEventStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** A tenant's, newest first, older than the one numbered {@code before}. */
  List<HostEventView> list(String tenant, long before, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LIST)
                .bind("tenant", tenant)
                .bind("before", before)
                .bind("limit", limit)
                .map(Rows.record(HostEventView.class))
                .list());
  }
}
