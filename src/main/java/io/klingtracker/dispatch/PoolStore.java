package io.klingtracker.dispatch;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.dispatch.PoolState.Parking;
import io.klingtracker.dispatch.SlotPlan.Model;
import io.klingtracker.kling.ParallelSlots;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** What is known of accounts beyond their configuration, shared by all replicas. */
@Singleton
class PoolStore {

  /** A replica that hangs with the lock in its hand must not hold up the others for long. */
  private static final String ONE_AT_A_TIME =
      """
      select set_config('idle_in_transaction_session_timeout', '5s', true),
        pg_advisory_xact_lock(hashtext('kling-task-tracker/claim'))
      """;

  /** Slots in use, what Kling made of pools, and pauses, in one round trip: a task waits for it. */
  static final String SNAPSHOT =
      """
      select 'used' as what, account, family, model, sum(slots)::int as slots, max(slots)::int as largest,
        null::int as lowered_to, 0 as good, 0 as step, false as proved, 0 as lowerings, 0 as credit, 0 as epoch,
        null::timestamptz as raise_at, null::timestamptz as not_before, 0 as refusals, null::int as parked_code,
        null::text as parked_reason, null::timestamptz as parked_at, false as paused
      from open_task where slots > 0 group by account, family, model
      union all
      select 'state', account, family, model, 0, 0, lowered_to, coalesce(good, lowered_to), step, proved, lowerings,
        credit, epoch, raise_at, not_before, refusals, parked_code, parked_reason, parked_at, paused
      from account_pool
      """;

  private static final String KEEP =
      """
      insert into account_pool (account, family, model, lowered_to, good, step, proved, lowerings, credit, epoch,
        raise_at, not_before, refusals, parked_code, parked_reason, parked_at)
      values (:account, :family, :model, :limit, :good, :step, :proved, :failed, :credit, :epoch, :raiseAt,
        :notBefore, :refusals, :parkedCode, :parkedReason, :parkedAt)
      on conflict (account, family, model) do update set lowered_to = excluded.lowered_to, good = excluded.good,
        step = excluded.step, proved = excluded.proved, lowerings = excluded.lowerings, credit = excluded.credit,
        epoch = excluded.epoch, raise_at = excluded.raise_at, not_before = excluded.not_before,
        refusals = excluded.refusals, parked_code = excluded.parked_code, parked_reason = excluded.parked_reason,
        parked_at = excluded.parked_at
      """;

  /** One that is paused stays. */
  private static final String FORGET =
      """
      delete from account_pool
      where account = :account and family = :family and model = :model and not paused
      """;

  private static final String PAUSE =
      """
      insert into account_pool (account, family, model, paused) values (:name, '', '', true)
      on conflict (account, family, model) do update set paused = true
      """;

  /** What is known of slots whose number is to be found is no refusal: that stays. */
  private static final String RESUME =
      """
      with found as (
        update account_pool set not_before = null, refusals = 0, parked_code = null, parked_reason = null,
          parked_at = null
        where account = :name and lowered_to is not null and family = any(:found)
        returning family, model
      )
      delete from account_pool p
      where p.account = :name and not (p.lowered_to is not null and p.family = any(:found))
      """;

  /**
   * Everything a claim is decided by.
   *
   * @param used slots in use
   * @param largest slots of the largest task that runs there
   */
  record Snapshot(
      Map<SlotPool, Integer> used,
      Map<SlotPool, Integer> largest,
      Map<SlotPool, PoolState> states,
      Set<String> paused) {}

  private final Jdbi jdbi;
  private final Clock clock;
  private final PoolBackoff backoff;

  @Inject
  PoolStore(Jdbi jdbi, Clock clock, PoolBackoff backoff) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.backoff = backoff;
  }

  /** Runs in a transaction that no other replica's overlaps. */
  <T> T exclusively(Function<Handle, T> work) {
    return jdbi.inTransaction(
        handle -> {
          handle.execute(ONE_AT_A_TIME);
          return work.apply(handle);
        });
  }

  Snapshot snapshot() {
    return jdbi.withHandle(this::snapshot);
  }

  Snapshot snapshot(Handle handle) {
    Map<SlotPool, Integer> used = new HashMap<>();
    Map<SlotPool, Integer> largest = new HashMap<>();
    Map<SlotPool, PoolState> states = new HashMap<>();
    Set<String> paused = new HashSet<>();
    handle
        .createQuery(SNAPSHOT)
        .map(
            (row, context) -> {
              SlotPool pool = pool(row);
              if (row.getString("what").equals("used")) {
                largest.put(pool, row.getInt("largest"));
                used.put(pool, row.getInt("slots"));
                return pool;
              }
              PoolState state = state(row);
              if (!state.equals(PoolState.UNRESTRICTED)) {
                states.put(pool, state);
              }
              if (row.getBoolean("paused")) {
                paused.add(pool.account());
              }
              return pool;
            })
        .list();
    return new Snapshot(used, largest, states, paused);
  }

  /**
   * Raises lowered limits that are used up, as far as it is time to. It counts once a task is
   * {@linkplain #claimed claimed} under it.
   *
   * @param wanted models that tasks wait for
   */
  void raise(Capacity capacity, Snapshot snapshot, Set<Model> wanted) {
    for (SlotPool pool : snapshot.states().keySet()) {
      int free = capacity.slots(pool) - snapshot.used().getOrDefault(pool, 0);
      if (free < snapshot.largest().getOrDefault(pool, 1)
          && wanted.contains(new Model(pool.family(), pool.model()))) {
        capacity.raise(pool, backoff);
      }
    }
  }

  /**
   * Keeps what the claimed tasks change: limits that were raised for them, what was sent under
   * those, and that what is on trial is tried by nobody else for a while.
   */
  void claimed(Handle handle, Capacity capacity) {
    Instant now = clock.instant();
    capacity
        .changed()
        .forEach(
            (pool, state) ->
                keep(
                    handle,
                    pool,
                    capacity.tried().contains(pool) ? state.probed(now, backoff) : state));
  }

  /**
   * Kling had no slot for a task of this pool, whose own slots still count as used.
   *
   * @param slots of the account when all is well
   * @return whether the limit is cut, which one refusal of many at once does
   */
  boolean full(SlotPool pool, PoolState.Sent sent, ParallelSlots slots) {
    return exclusively(
        handle -> {
          Snapshot snapshot = snapshot(handle);
          int used = snapshot.used().getOrDefault(pool, 0);
          PoolState before = snapshot.states().getOrDefault(pool, PoolState.UNRESTRICTED);
          PoolState after = before.full(sent, used, slots, clock.instant(), backoff);
          keep(handle, pool, after);
          return after.epoch() != before.epoch();
        });
  }

  /** Kling does not want to be asked now. */
  void busy(SlotPool pool) {
    exclusively(
        handle ->
            change(handle, snapshot(handle), pool, state -> state.busy(clock.instant(), backoff)));
  }

  /**
   * Kling refuses for a reason that waiting does not cure.
   *
   * @return true when that is new
   */
  boolean park(SlotPool pool, int code, String reason) {
    return exclusively(
        handle -> {
          Snapshot snapshot = snapshot(handle);
          PoolState before = snapshot.states().getOrDefault(pool, PoolState.UNRESTRICTED);
          change(
              handle,
              snapshot,
              pool,
              state ->
                  state.refused(code, reason.replace('\0', '\ufffd'), clock.instant(), backoff));
          return before.parked() == null;
        });
  }

  /** Kling accepted a task there. */
  void accepted(SlotPool pool, PoolState.Sent sent) {
    exclusively(
        handle -> {
          Snapshot snapshot = snapshot(handle);
          for (SlotPool scope : pool.scopes()) {
            if (snapshot.states().containsKey(scope)) {
              change(handle, snapshot, scope, state -> state.accepted(sent, clock.instant()));
            }
          }
          return true;
        });
  }

  void pause(String account) {
    jdbi.useHandle(handle -> handle.createUpdate(PAUSE).bind("name", account).execute());
  }

  /**
   * Forgets what Kling refused.
   *
   * @param found families of the account the number of whose slots is to be found
   */
  void resume(String account, Collection<String> found) {
    // A claim under way would write back what it has read before.
    exclusively(
        handle ->
            Columns.of(handle.createUpdate(RESUME), found)
                .texts("found", state -> state)
                .rest()
                .bind("name", account)
                .execute());
  }

  private static boolean change(
      Handle handle, Snapshot snapshot, SlotPool pool, UnaryOperator<PoolState> change) {
    PoolState before = snapshot.states().getOrDefault(pool, PoolState.UNRESTRICTED);
    PoolState after = change.apply(before);
    if (!after.equals(before)) {
      keep(handle, pool, after);
    }
    return true;
  }

  private static void keep(Handle handle, SlotPool pool, PoolState state) {
    if (state.equals(PoolState.UNRESTRICTED)
        && handle
                .createUpdate(FORGET)
                .bind("account", pool.account())
                .bind("family", pool.family())
                .bind("model", pool.model())
                .execute()
            == 1) {
      return;
    }
    Parking parked = state.parked();
    SlotLimit lowered = state.lowered();
    handle
        .createUpdate(KEEP)
        .bind("account", pool.account())
        .bind("family", pool.family())
        .bind("model", pool.model())
        .bind("limit", lowered == null ? null : lowered.limit())
        .bind("good", lowered == null ? null : lowered.good())
        .bind("step", lowered == null ? 0 : lowered.step())
        .bind("proved", lowered != null && lowered.proved())
        .bind("failed", lowered == null ? 0 : lowered.failed())
        .bind("credit", lowered == null ? 0 : lowered.credit())
        .bind("epoch", lowered == null ? 0 : lowered.epoch())
        .bind("raiseAt", lowered == null ? null : lowered.raiseAt())
        .bind("notBefore", state.notBefore())
        .bind("refusals", state.refusals())
        .bind("parkedCode", parked == null ? null : parked.code())
        .bind("parkedReason", parked == null ? null : parked.reason())
        .bind("parkedAt", parked == null ? null : parked.at())
        .execute();
  }

  private static SlotPool pool(ResultSet row) throws SQLException {
    return new SlotPool(row.getString("account"), row.getString("family"), row.getString("model"));
  }

  private static PoolState state(ResultSet row) throws SQLException {
    Instant parkedAt = Rows.instantOrNull(row, "parked_at");
    return new PoolState(
        lowered(row),
        Rows.instantOrNull(row, "not_before"),
        row.getInt("refusals"),
        parkedAt == null
            ? null
            : new Parking(
                row.getInt("parked_code"),
                String.valueOf(row.getString("parked_reason")),
                parkedAt));
  }

  private static @Nullable SlotLimit lowered(ResultSet row) throws SQLException {
    Integer limit = row.getObject("lowered_to", Integer.class);
    Instant raiseAt = Rows.instantOrNull(row, "raise_at");
    return limit == null
        ? null
        : new SlotLimit(
            limit,
            row.getInt("good"),
            row.getInt("step"),
            row.getBoolean("proved"),
            row.getInt("lowerings"),
            row.getInt("credit"),
            row.getInt("epoch"),
            raiseAt == null ? Instant.EPOCH : raiseAt);
  }
}
