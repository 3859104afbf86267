package io.klingtracker.webhook;

import io.klingtracker.database.Rows;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** Pauses and their ends, as the statements that made them wrote them. */
@Singleton
class HostEventStore {

  private static final String LIST =
      """
      select * from webhook_host_event where tenant_id = :tenant and id < :before order by id desc limit :limit
      """;

  private final Jdbi jdbi;

  /** A host queue was paused, or flows again. */
  record HostEvent(
      long id,
      String eventId,
      String tenant,
      String host,
      String state,
      String reason,
      Instant at) {}

  @Inject
  HostEventStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** A tenant's, newest first, older than the one numbered {@code before}. */
  List<HostEvent> list(String tenant, long before, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LIST)
                .bind("tenant", tenant)
                .bind("before", before)
                .bind("limit", limit)
                .map((row, context) -> event(row))
                .list());
  }

  private static HostEvent event(ResultSet row) throws SQLException {
    return new HostEvent(
        row.getLong("id"),
        row.getString("event_id"),
        row.getString("tenant_id"),
        row.getString("host"),
        row.getString("state"),
        row.getString("reason"),
        Rows.instant(row, "at"));
  }
}
