package io.klingtracker.tenant;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.database.Rows;
import io.klingtracker.text.ForeignText;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What administrators did. A row is written before the action, so that nothing is done unseen, and
 * one with its answer after; the table takes inserts alone. What tenants erased is there too, in a
 * row of the transaction that erased it.
 */
@ApplicationScoped
public class AuditLog {

  private static final Logger LOG = Logger.getLogger(AuditLog.class);

  /** In bytes; ids in our paths have some hundred. */
  private static final int MAX_PATH = 1000;

  private static final String BEGUN =
      """
      insert into audit_log (request_id, at, actor, address, method, path)
      values (:id, :now, :actor, :address, :method, :path)
      """;

  private static final String ENDED =
      """
      insert into audit_log (request_id, at, actor, address, method, path, status, detail)
      select request_id, :now, actor, address, method, path, :status, left(cast(:detail as text), 200) from audit_log
      where request_id = :id and status is null
      """;

  private static final String DID =
      """
      insert into audit_log (request_id, at, actor, address, method, path, status, detail)
      values (:id, :now, :actor, '', :method, :path, 200, left(cast(:detail as text), 200))
      """;

  private static final String NOTED =
      """
      insert into audit_log (request_id, at, actor, address, method, path, status, detail)
      values (:id, :now, :actor, '', 'SET', :path, 200, left(cast(:detail as text), 200))
      """;

  /** Of the newest note of an actor, the text before the first colon is its state. */
  private static final String NOTED_IF_NEW =
      """
      insert into audit_log (request_id, at, actor, address, method, path, status, detail)
      select :id, :now, :actor, '', 'SET', :path, 200, left(cast(:detail as text), 200)
      where cast(:state as text) <> coalesce(
        (select split_part(detail, ':', 1) from audit_log where actor = :actor and method = 'SET' order by id desc limit 1),
        :initial)
      """;

  private static final String PAGE =
      """
      select id, request_id::text as request_id, at, actor, address, method, path, status, detail from audit_log
      where id < :before order by id desc limit :limit
      """;

  private final Jdbi jdbi;
  private final Clock clock;

  /**
   * A line of the log: an action's beginning, or with a status its end.
   *
   * @param requestId the same for an action's beginning and end
   * @param actor who
   * @param address from where
   * @param path what it was done to
   * @param status the answer; null at the beginning
   * @param detail what was set, where that is shown
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "Line")
  public record Entry(
      long id,
      String requestId,
      @Schema(implementation = String.class) Instant at,
      String actor,
      String address,
      String method,
      String path,
      @Nullable Integer status,
      @Nullable String detail) {}

  @Inject
  public AuditLog(Jdbi jdbi, Clock clock) {
    this.jdbi = jdbi;
    this.clock = clock;
  }

  void begun(UUID id, String actor, String address, String method, String path) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(BEGUN)
                .bind("id", id)
                .bind("now", clock.instant())
                .bind("actor", actor)
                .bind("address", address)
                .bind("method", method)
                .bind("path", ForeignText.clean(path, MAX_PATH))
                .execute());
  }

  void ended(UUID id, int status, @Nullable String detail) {
    try {
      jdbi.useHandle(
          handle ->
              handle
                  .createUpdate(ENDED)
                  .bind("id", id)
                  .bind("now", clock.instant())
                  .bind("status", status)
                  .bind("detail", detail == null ? null : ForeignText.clean(detail, MAX_PATH))
                  .execute());
    } catch (RuntimeException e) {
      // The beginning is there; the answer must not fail for its end.
      LOG.warnf("the end of admin request %s is not in the audit log: %s", id, e.getMessage());
    }
  }

  /**
   * Keeps what a tenant's caller does that cannot be undone, in the transaction that does it.
   *
   * @param path what it is done to, in our own words: what callers write may be what is erased
   * @param detail how much of it, where the path does not say that; no more than a line
   */
  public void did(
      Handle handle, String actor, String method, String path, @Nullable String detail) {
    handle
        .createUpdate(DID)
        .bind("id", UUID.randomUUID())
        .bind("now", clock.instant())
        .bind("actor", ForeignText.clean(actor, MAX_PATH))
        .bind("method", method)
        .bind("path", path)
        .bind("detail", detail)
        .execute();
  }

  /**
   * Keeps what was changed without a request, such as by a file.
   *
   * @param actor the setting or file that did it
   * @param path what it was done to
   */
  public void noted(String actor, String path, String detail) {
    try {
      jdbi.useHandle(
          handle ->
              handle
                  .createUpdate(NOTED)
                  .bind("id", UUID.randomUUID())
                  .bind("now", clock.instant())
                  .bind("actor", actor)
                  .bind("path", path)
                  .bind("detail", ForeignText.clean(detail, MAX_PATH))
                  .execute());
    } catch (RuntimeException e) {
      // It has happened already, and the log of the service has it.
      LOG.warnf("%s on %s is not in the audit log: %s", actor, path, e.getMessage());
    }
  }

  /**
   * Keeps the state that a start has found, unless it is what was noted last; see {@link #noted}.
   *
   * @param state without colons; a note about the same actor begins with it and a colon
   * @param initial the state where nothing was noted yet
   * @return whether it is another than was noted last, as far as that could be read
   */
  public boolean notedIfNew(
      String actor, String path, String state, String initial, String detail) {
    try {
      return jdbi.withHandle(
              handle ->
                  handle
                      .createUpdate(NOTED_IF_NEW)
                      .bind("id", UUID.randomUUID())
                      .bind("now", clock.instant())
                      .bind("actor", actor)
                      .bind("path", path)
                      .bind("state", state)
                      .bind("initial", initial)
                      .bind("detail", ForeignText.clean(state + ": " + detail, MAX_PATH))
                      .execute())
          == 1;
    } catch (RuntimeException e) {
      LOG.warnf("%s on %s is not in the audit log: %s", actor, path, e.getMessage());
      return false;
    }
  }

  /** Newest first, older than the entry with id {@code before}. */
  public List<Entry> page(long before, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(PAGE)
                .bind("before", before)
                .bind("limit", limit)
                .map(Rows.record(Entry.class))
                .list());
  }
}
