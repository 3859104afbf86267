package io.klingtracker.retention;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.database.SqlFile;
import io.klingtracker.task.Task;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** Which parts the archive has, and what goes into them. */
@Singleton
class ArchiveStore {

  /** Longer requests are not archived, in bytes. */
  static final int MAX_REQUEST = 65_536;

  /** Rows of one fetch, each with a result and events. */
  private static final int FETCH = 20;

  private static final String ARCHIVED =
      SqlFile.read(
          ArchiveStore.class,
          "Archived",
          Map.of("columns", Task.COLUMNS, "unless", SqlFile.read(RemovalStore.class, "Owing")));

  /** Numbers are given by whoever is alone, see {@link RemovalStore}. */
  private static final String BEGIN =
      """
      insert into archive_part (tenant_id, day, number)
      select :tenant, cast(:day as date), coalesce(max(number), 0) + 1
      from archive_part where tenant_id = :tenant and day = cast(:day as date)
      returning number
      """;

  private static final String WRITTEN =
      """
      update archive_part set tasks = :tasks, bytes = :bytes, sha256 = :sha256, written_at = cast(:now as timestamptz)
      where tenant_id = :tenant and day = cast(:day as date) and number = :number
      """;

  private static final String BEGUN =
      "select tenant_id, day::text as day, number from archive_part where not listed and tasks is null";

  private static final String ERASED =
      """
      select tenant_id, day::text as day, number from archive_part where erased_at is not null
      order by erased_at, tenant_id, day limit :limit
      """;

  private static final String DELETED =
      "delete from archive_part where tenant_id = :tenant and day = cast(:day as date) and number = :number";

  private static final String FORGET =
      "delete from archive_part where tenant_id = :tenant and day = cast(:day as date) and number = :number and tasks is null";

  private static final String UNLISTED =
      """
      select distinct tenant_id, day::text as day from archive_part where not listed and tasks is not null and erased_at is null
      order by day, tenant_id limit :limit
      """;

  private static final String PARTS =
      """
      select number, tasks, bytes, encode(sha256, 'hex') as sha256, written_at from archive_part
      where tenant_id = :tenant and day = cast(:day as date) and tasks is not null order by number
      """;

  private static final String LISTED =
      """
      update archive_part set listed = true
      where tenant_id = :tenant and day = cast(:day as date) and tasks is not null and not listed
        and number = any(cast(:numbers as int[]))
      """;

  private final Jdbi jdbi;

  /**
   * A tenant's tasks of a day.
   *
   * @param day as in {@code 2026-01-31}
   */
  record Day(String tenant, String day) {}

  /** A part of a day. */
  record Begun(Day of, int number) {}

  /** A part that is whole; {@code sha256} in hex. */
  record Part(int number, int tasks, long bytes, String sha256, Instant writtenAt) {}

  /**
   * A task to be archived.
   *
   * @param request the caller's body to the letter; null when it is longer than {@link
   *     #MAX_REQUEST} or removed
   * @param requestBytes of it; null when it is removed
   * @param events a JSON array, without line ends
   */
  record Archived(
      Day of, Task task, @Nullable String request, @Nullable Integer requestBytes, String events) {}

  @Inject
  ArchiveStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * Gives one after the other of the tasks that owe nothing, by tenant and day; a few in memory.
   */
  void archived(Handle handle, List<String> ids, Consumer<Archived> each) {
    Columns.of(handle.createQuery(ARCHIVED), ids)
        .texts("ids", id -> id)
        .rest()
        .setFetchSize(FETCH)
        .bind("maxRequest", MAX_REQUEST)
        .map((row, context) -> archived(row))
        .forEach(each);
  }

  private static Archived archived(ResultSet row) throws SQLException {
    Task task = Task.of(row);
    String events = row.getString("events");
    return new Archived(
        new Day(task.tenant(), row.getString("day")),
        task,
        row.getString("request"),
        row.getObject("request_bytes", Integer.class),
        events == null ? "[]" : events);
  }

  /** Notes that a part is being written, before it is; whatever becomes of the transaction. */
  Begun begin(Day day) {
    // A session of its own: within a transaction of this thread any other would be that one.
    try (Handle own = jdbi.open()) {
      return new Begun(
          day,
          own.createQuery(BEGIN)
              .bind("tenant", day.tenant())
              .bind("day", day.day())
              .mapTo(Integer.class)
              .one());
    }
  }

  /** Notes that a part is whole, in the transaction that removes its tasks. */
  void written(Handle handle, Begun part, int tasks, long bytes, byte[] sha256, Instant now) {
    handle
        .createUpdate(WRITTEN)
        .bind("tenant", part.of().tenant())
        .bind("day", part.of().day())
        .bind("number", part.number())
        .bind("tasks", tasks)
        .bind("bytes", bytes)
        .bind("sha256", sha256)
        .bind("now", now)
        .execute();
  }

  /** Parts that were begun; whoever is alone has begun none of them now. */
  List<Begun> begun() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(BEGUN)
                .map((row, context) -> new Begun(day(row), row.getInt("number")))
                .list());
  }

  /** Parts of tenants that were deleted. */
  List<Begun> erased(int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(ERASED)
                .bind("limit", limit)
                .map((row, context) -> new Begun(day(row), row.getInt("number")))
                .list());
  }

  /** Forgets a part whose object is deleted. */
  void deleted(Begun part) {
    update(DELETED, part);
  }

  private static Day day(ResultSet row) throws SQLException {
    return new Day(row.getString("tenant_id"), row.getString("day"));
  }

  /** Forgets a part that was begun, once its object is deleted. */
  void forget(Begun part) {
    update(FORGET, part);
  }

  /** Its object is deleted, whatever becomes of a transaction under way: see {@link #begin}. */
  private void update(String statement, Begun part) {
    try (Handle own = jdbi.open()) {
      own.createUpdate(statement)
          .bind("tenant", part.of().tenant())
          .bind("day", part.of().day())
          .bind("number", part.number())
          .execute();
    }
  }

  /** Days whose manifest lacks parts. */
  List<Day> unlisted(int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(UNLISTED)
                .bind("limit", limit)
                .map((row, context) -> day(row))
                .list());
  }

  /** All parts of a day that are whole. */
  List<Part> parts(Day day) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(PARTS)
                .bind("tenant", day.tenant())
                .bind("day", day.day())
                .map(
                    (row, context) ->
                        new Part(
                            row.getInt("number"),
                            row.getInt("tasks"),
                            row.getLong("bytes"),
                            row.getString("sha256"),
                            Rows.instant(row, "written_at")))
                .list());
  }

  /** Notes that the manifest has these parts. */
  void listed(Day day, List<Part> parts) {
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createUpdate(LISTED), parts)
                .ints("numbers", Part::number)
                .rest()
                .bind("tenant", day.tenant())
                .bind("day", day.day())
                .execute());
  }
}
