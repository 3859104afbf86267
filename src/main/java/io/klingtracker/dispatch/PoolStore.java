package io.klingtracker.dispatch;

import io.klingtracker.dispatch.PoolState.Parking;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Clock;
import java.time.Instant;
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

  /** A replica that stands still with the lock in its hand must not hold up the others for long. */
  private static final String ONE_AT_A_TIME =
      """
      select set_config('idle_in_transaction_session_timeout', '5s', true),
        pg_advisory_xact_lock(hashtext('kling-task-tracker/claim'))
      """;

  /** Slots in use, what Kling made of pools, and pauses, in one round trip: a task waits for it. */
  static final String SNAPSHOT =
      """
      select 'used' as what, account, family, model, sum(slots)::int as slots, null::int as lowered_to,
        null::timestamptz as raise_at, 0 as lowerings, null::timestamptz as not_before, 0 as refusals,
        null::int as parked_code, null::text as parked_reason, null::timestamptz as parked_at
      from open_task where slots > 0 group by account, family, model
      union all
      select 'state', account, family, model, 0, lowered_to, raise_at, lowerings, not_before, refusals,
        parked_code, parked_reason, parked_at
      from account_pool
      union all
      select 'paused', name, '', '', 0, null, null, 0, null, 0, null, null, null from account where paused
      """;

  private static final String KEEP =
      """
      insert into account_pool (account, family, model, lowered_to, raise_at, lowerings, not_before, refusals,
        parked_code, parked_reason, parked_at)
      values (:account, :family, :model, :loweredTo, :raiseAt, :lowerings, :notBefore, :refusals,
        :parkedCode, :parkedReason, :parkedAt)
      on conflict (account, family, model) do update set lowered_to = excluded.lowered_to,
        raise_at = excluded.raise_at, lowerings = excluded.lowerings, not_before = excluded.not_before,
        refusals = excluded.refusals, parked_code = excluded.parked_code, parked_reason = excluded.parked_reason,
        parked_at = excluded.parked_at
      """;

  private static final String FORGET =
      "delete from account_pool where account = :account and family = :family and model = :model";

  private static final String PAUSE =
      "insert into account (name, paused) values (:name, true) on conflict (name) do update set"
          + " paused = true";

  private static final String RESUME =
      """
      with open as (update account set paused = false where name = :name)
      delete from account_pool where account = :name
      """;

  /** Everything a claim is decided by. */
  record Snapshot(Map<Pool, Integer> used, Map<Pool, PoolState> states, Set<String> paused) {}

  private final Jdbi jdbi;
  private final Clock clock;
  private final PoolState.Waits waits;

  @Inject
  PoolStore(Jdbi jdbi, Clock clock, PoolState.Waits waits) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.waits = waits;
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
    Map<Pool, Integer> used = new HashMap<>();
    Map<Pool, PoolState> states = new HashMap<>();
    Set<String> paused = new HashSet<>();
    handle
        .createQuery(SNAPSHOT)
        .map(
            (row, context) ->
                switch (row.getString("what")) {
                  case "used" -> used.put(pool(row), row.getInt("slots"));
                  case "state" -> states.put(pool(row), state(row));
                  default -> paused.add(row.getString("account"));
                })
        .list();
    return new Snapshot(used, states, paused);
  }

  /** Those that are on trial are tried by nobody else for a while. */
  void probed(Handle handle, Capacity capacity) {
    Instant now = clock.instant();
    for (Pool pool : capacity.tried()) {
      PoolState state = capacity.state(pool);
      if (state.parked() != null) {
        keep(handle, pool, state.probed(now, waits));
      }
    }
  }

  /** Kling had no slot for a task of this pool, whose own slots still count as used. */
  void full(Pool pool, int slots) {
    exclusively(
        handle -> {
          Snapshot snapshot = snapshot(handle);
          int others = Math.max(0, snapshot.used().getOrDefault(pool, 0) - slots);
          return change(
              handle, snapshot, pool, state -> state.full(others, clock.instant(), waits));
        });
  }

  /** Kling does not want to be asked now. */
  void busy(Pool pool) {
    exclusively(
        handle ->
            change(handle, snapshot(handle), pool, state -> state.busy(clock.instant(), waits)));
  }

  /**
   * Kling refuses for a reason that waiting does not cure.
   *
   * @return true when that is new
   */
  boolean park(Pool pool, int code, String reason) {
    return exclusively(
        handle -> {
          Snapshot snapshot = snapshot(handle);
          PoolState before = snapshot.states().getOrDefault(pool, PoolState.FREE);
          change(
              handle,
              snapshot,
              pool,
              state -> state.refused(code, reason.replace('\0', '\ufffd'), clock.instant(), waits));
          return before.parked() == null;
        });
  }

  /**
   * Kling accepted a task there.
   *
   * @param configured slots of the account
   */
  void accepted(Pool pool, Instant sentAt, int configured) {
    exclusively(
        handle -> {
          Snapshot snapshot = snapshot(handle);
          int used = snapshot.used().getOrDefault(pool, 0);
          for (Pool scope : pool.scopes()) {
            if (snapshot.states().containsKey(scope)) {
              change(
                  handle,
                  snapshot,
                  scope,
                  state -> state.accepted(sentAt, used, configured, clock.instant()));
            }
          }
          return true;
        });
  }

  void pause(String account) {
    jdbi.useHandle(handle -> handle.createUpdate(PAUSE).bind("name", account).execute());
  }

  void resume(String account) {
    jdbi.useHandle(handle -> handle.createUpdate(RESUME).bind("name", account).execute());
  }

  private static boolean change(
      Handle handle, Snapshot snapshot, Pool pool, UnaryOperator<PoolState> change) {
    PoolState before = snapshot.states().getOrDefault(pool, PoolState.FREE);
    PoolState after = change.apply(before);
    if (!after.equals(before)) {
      keep(handle, pool, after);
    }
    return true;
  }

  private static void keep(Handle handle, Pool pool, PoolState state) {
    if (state.equals(PoolState.FREE)) {
      handle
          .createUpdate(FORGET)
          .bind("account", pool.account())
          .bind("family", pool.family())
          .bind("model", pool.model())
          .execute();
      return;
    }
    Parking parked = state.parked();
    handle
        .createUpdate(KEEP)
        .bind("account", pool.account())
        .bind("family", pool.family())
        .bind("model", pool.model())
        .bind("loweredTo", state.loweredTo())
        .bind("raiseAt", state.raiseAt())
        .bind("lowerings", state.lowerings())
        .bind("notBefore", state.notBefore())
        .bind("refusals", state.refusals())
        .bind("parkedCode", parked == null ? null : parked.code())
        .bind("parkedReason", parked == null ? null : parked.reason())
        .bind("parkedAt", parked == null ? null : parked.at())
        .execute();
  }

  private static Pool pool(ResultSet row) throws SQLException {
    return new Pool(row.getString("account"), row.getString("family"), row.getString("model"));
  }

  private static PoolState state(ResultSet row) throws SQLException {
    Instant parkedAt = instant(row.getTimestamp("parked_at"));
    return new PoolState(
        row.getObject("lowered_to", Integer.class),
        instant(row.getTimestamp("raise_at")),
        row.getInt("lowerings"),
        instant(row.getTimestamp("not_before")),
        row.getInt("refusals"),
        parkedAt == null
            ? null
            : new Parking(
                row.getInt("parked_code"),
                String.valueOf(row.getString("parked_reason")),
                parkedAt));
  }

  private static @Nullable Instant instant(@Nullable Timestamp time) {
    return time == null ? null : time.toInstant();
  }
}
