package io.klingtracker.events;

import io.klingtracker.database.Columns;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.SqlStatement;
import org.jspecify.annotations.Nullable;

/**
 * Sends events again that Kafka has had before, with the ids they had and marked as replayed: they
 * are put back into the outbox, behind whatever else is there, and the relay sends them as it sends
 * all. What is left of a replay are its rows, whatever crashes. One replay at a time.
 */
@Singleton
class Replays {

  /** The key of the advisory lock under which a replay begins. */
  private static final long LOCK = 0x4B4C540300000000L;

  /** Events still in the outbox are left there: put back they could overtake an earlier one. */
  private static final String WHERE =
      """
      where (cast(:task as text) is null or e.task_id = :task)
        and (cast(:tenant as text) is null or e.tenant_id = :tenant)
        and (cast(:from as timestamptz) is null or e.occurred_at >= cast(:from as timestamptz))
        and (cast(:to as timestamptz) is null or e.occurred_at < cast(:to as timestamptz))
        and not exists (
          select from outbox o where not o.replayed and o.lane = outbox_lane(e.task_id) and o.id = e.id)
      """;

  private static final String COUNT = "select count(*) from task_event e " + WHERE;

  private static final String CHOOSE =
      "select e.id, e.task_id, e.sequence from task_event e " + WHERE;

  /** A row of an earlier replay that cannot be deleted is there still, and stays set aside. */
  private static final String PUT_BACK =
      """
      insert into outbox (replayed, lane, id, task_id, sequence)
      select true, outbox_lane(e.task_id), e.id, e.task_id, e.sequence
      from unnest(cast(:ids as bigint[]), cast(:tasks as text[]), cast(:sequences as int[])) as e(id, task_id, sequence)
      on conflict do nothing
      """;

  private static final String ENTER = "select pg_try_advisory_xact_lock(:lock)";

  private static final String IS_NONE =
      "select not exists (select from outbox x where " + OutboxStore.REPLAYED + ")";

  private static final String NOTE =
      """
      insert into event_replay (id, events) values (:replay, :events)
      on conflict (the_only) do update set id = excluded.id, events = excluded.events, skipped = 0, canceled = null
      """;

  private static final String WAITING =
      "select x.lane, x.id from outbox x where "
          + OutboxStore.REPLAYED
          + " order by x.lane, x.id limit :limit";

  /** What the relay is deleting at this moment is left to it: neither waits for the other. */
  private static final String TAKE_OUT =
      """
      with free as (
        select x.lane, x.id from outbox x
        join unnest(cast(:lanes as int[]), cast(:ids as bigint[])) as d(lane, id)
          on x.replayed and x.lane = d.lane and x.id = d.id
        for update of x skip locked
      ), taken as (
        delete from outbox x using free f where x.replayed and x.lane = f.lane and x.id = f.id returning 1
      )
      update event_replay set canceled = coalesce(canceled, 0) + (select count(*) from taken)
      where exists (select from taken)
      """;

  private static final String LATEST =
      "select r.*, (select count(*) from outbox x where "
          + OutboxStore.REPLAYED
          + ") as waiting from event_replay r";

  /** Rows that one statement puts back or takes out. */
  static final int BATCH = 2_000;

  private final Jdbi jdbi;
  private final SetAside setAside;
  private final long limit;
  private final Clock clock;

  /** Which events; null means all. */
  record Selection(
      @Nullable String taskId,
      @Nullable String tenant,
      @Nullable Instant from,
      @Nullable Instant to) {}

  /** An event that is to be put back. */
  private record Chosen(long id, String taskId, int sequence) {}

  /** A row of a replay. */
  private record Waiting(int lane, long id) {}

  /**
   * A replay and how far it is.
   *
   * @param state {@code running}, {@code done} or {@code canceled}
   * @param skipped events that Kafka will never take, or that retention has removed meanwhile
   */
  record Replay(UUID id, String state, long events, long sent, long skipped) {}

  @Inject
  Replays(Jdbi jdbi, SetAside setAside, RelayConfig config, Clock clock) {
    this.jdbi = jdbi;
    this.setAside = setAside;
    this.limit = config.replay().limit();
    this.clock = clock;
  }

  /** How many events it would be. */
  long count(Selection selection) {
    return jdbi.withHandle(
        handle -> bind(handle.createQuery(COUNT), selection).mapTo(Long.class).one());
  }

  /**
   * Begins a replay. What happens from now on is not part of it.
   *
   * @throws ProblemException when it is too large, or another is under way
   */
  Replay start(Selection selection) {
    Instant now = clock.instant();
    Instant to = selection.to();
    Selection closed =
        new Selection(
            selection.taskId(),
            selection.tenant(),
            selection.from(),
            to == null || to.isAfter(now) ? now : to);
    long events = count(closed);
    if (events > limit) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          events + " events are more than one replay may send; narrow it down");
    }
    return jdbi.inTransaction(
        handle -> {
          // Two statements: the second sees what the last one under the lock has committed.
          if (!handle.createQuery(ENTER).bind("lock", LOCK).mapTo(Boolean.class).one()
              || !handle.createQuery(IS_NONE).mapTo(Boolean.class).one()) {
            throw new ProblemException(
                ErrorCode.CONFLICT, "a replay is under way; see GET /admin/v1/events/replay");
          }
          handle
              .createUpdate(NOTE)
              .bind("replay", UUID.randomUUID())
              .bind("events", putBack(handle, closed))
              .execute();
          return latest(handle).orElseThrow();
        });
  }

  /** A batch at a time, in one transaction: a replay has begun or has not. */
  private static long putBack(Handle handle, Selection selection) {
    return bind(handle.createQuery(CHOOSE), selection)
        .setFetchSize(BATCH)
        .map((row, context) -> new Chosen(row.getLong(1), row.getString(2), row.getInt(3)))
        .withIterator(
            chosen -> {
              long events = 0;
              List<Chosen> some = new ArrayList<>(BATCH);
              while (chosen.hasNext()) {
                some.add(chosen.next());
                if (some.size() == BATCH || !chosen.hasNext()) {
                  events +=
                      Columns.of(handle.createUpdate(PUT_BACK), some)
                          .longs("ids", Chosen::id)
                          .texts("tasks", Chosen::taskId)
                          .ints("sequences", Chosen::sequence)
                          .rest()
                          .execute();
                  some.clear();
                }
              }
              return events;
            });
  }

  /** The replay under way, or the last one. */
  Optional<Replay> latest() {
    return jdbi.withHandle(Replays::latest);
  }

  /**
   * Ends the replay under way, a batch at a time; what is in the relay's memory may still be sent.
   *
   * @return empty when none is under way
   */
  Optional<Replay> cancel() {
    AtomicBoolean taken = new AtomicBoolean();
    boolean more = true;
    while (more) {
      AtomicBoolean some = new AtomicBoolean();
      Batch.apply(
          waiting(),
          rows -> some.compareAndSet(false, takeOut(rows)),
          (row, failure) -> some.set(giveUp(row, failure)));
      more = some.get();
      taken.compareAndSet(false, more);
    }
    return taken.get() ? latest() : Optional.empty();
  }

  /** It cannot be deleted, and is not sent either. */
  private boolean giveUp(Waiting row, RuntimeException failure) {
    jdbi.useTransaction(
        handle -> {
          String key = Long.toString(row.id());
          setAside.put(handle, OutboxStore.REPLAY_KIND, key, null, failure, 1);
          handle.execute("update event_replay set canceled = coalesce(canceled, 0) + 1");
        });
    return true;
  }

  private List<Waiting> waiting() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(WAITING)
                .bind("limit", BATCH)
                .map((row, context) -> new Waiting(row.getInt(1), row.getLong(2)))
                .list());
  }

  /** Whether any of them was there still. */
  private boolean takeOut(List<Waiting> rows) {
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createUpdate(TAKE_OUT), rows)
                    .ints("lanes", Waiting::lane)
                    .longs("ids", Waiting::id)
                    .rest()
                    .execute()
                > 0);
  }

  private static Optional<Replay> latest(Handle handle) {
    return handle.createQuery(LATEST).map((row, context) -> replay(row)).findOne();
  }

  private static Replay replay(ResultSet row) throws SQLException {
    long events = row.getLong("events");
    long skipped = row.getLong("skipped");
    long waiting = row.getLong("waiting");
    long canceled = row.getLong("canceled");
    boolean isCanceled = !row.wasNull();
    return new Replay(
        row.getObject("id", UUID.class),
        isCanceled ? "canceled" : waiting > 0 ? "running" : "done",
        events,
        Math.max(0, events - skipped - waiting - canceled),
        skipped);
  }

  private static <T extends SqlStatement<T>> T bind(T statement, Selection selection) {
    return statement
        .bind("task", selection.taskId())
        .bind("tenant", selection.tenant())
        .bind("from", selection.from())
        .bind("to", selection.to());
  }
}
