package io.klingtracker.feed;

import io.klingtracker.database.Rows;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * Sees who holds the feed back: an open transaction that has written something, anybody's, in any
 * database of the cluster, since events are shown below the oldest one under way only (ADR 14).
 */
@Startup
@Singleton
class FeedHold {

  private static final Logger LOG = Logger.getLogger(FeedHold.class);

  /** How often it is looked, by each replica. */
  private static final Duration EVERY = Duration.ofSeconds(5);

  /** From here on a transaction is no part of ordinary work; ours end within seconds. */
  static final Duration LONG = Duration.ofSeconds(10);

  /** How often it is said again while the same transaction lasts. */
  private static final Duration REMIND = Duration.ofMinutes(5);

  /**
   * The oldest transaction that has a number, whoever's. What a session does, and since when, is
   * shown to its own user and to {@code pg_read_all_stats} alone; its pid and number to everybody.
   */
  private static final String LOOK =
      """
      with seen as materialized (select pg_current_snapshot() as snapshot),
      oldest as materialized (
        select pg_snapshot_xmin(snapshot) as number from seen
        where pg_snapshot_xmin(snapshot) < pg_snapshot_xmax(snapshot)
      )
      select f.epoch, f.began_at, f.reason, o.number::text::bigint as number,
        a.pid, a.application_name, a.datname, a.state, p.gid,
        extract(epoch from clock_timestamp() - coalesce(a.xact_start, p.prepared)) as age
      from feed_epoch f left join oldest o on true
        left join pg_stat_activity a on a.backend_xid = o.number::xid
        left join pg_prepared_xacts p on p.transaction = o.number::xid
      limit 1
      """;

  private final Jdbi jdbi;
  private final Clock clock;
  private volatile @Nullable Holder holder;
  private volatile @Nullable Epoch epoch;
  private @Nullable Instant saidAt;

  /**
   * An open transaction.
   *
   * @param number its number
   * @param who pid, application and database of its session, or the name under which it is prepared
   * @param since when it began, or when we saw it first
   */
  record Holder(long number, String who, Instant since) {}

  /**
   * The feed's latest epoch after its first.
   *
   * @param number how many there were before
   * @param began when the database was found elsewhere
   * @param reason how it got there
   */
  record Epoch(int number, Instant began, String reason) {}

  @Inject
  FeedHold(Jdbi jdbi, Clock clock, Loops loops, MeterRegistry registry) {
    this.jdbi = jdbi;
    this.clock = clock;
    loops.add(WorkLoop.named("feed-hold").every(EVERY).work(this::watch));
    Gauge.builder("tracker.feed.held.back", () -> heldBack().toMillis() / 1000.0)
        .description("For how long an open transaction has held the feed and its streams back")
        .baseUnit("seconds")
        .register(registry);
    Gauge.builder("tracker.feed.epoch", () -> epoch().map(Epoch::number).orElse(0))
        .description("How often the database was found restored or promoted; see feed_epoch")
        .register(registry);
  }

  /** Behind a pooler a session of ours may be in another cluster than when it was new. */
  boolean watch() throws SQLException {
    jdbi.useHandle(handle -> FeedEpoch.follow(handle.getConnection(), false));
    return look();
  }

  /** One look; there is never more to do at once. */
  boolean look() {
    Instant now = clock.instant();
    Holder before = holder;
    // Nothing is known while the question fails.
    holder = null;
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(LOOK)
                .map(
                    (row, context) -> {
                      holder = holder(row, before, now);
                      epoch = epoch(row);
                      return row;
                    })
                .one());
    say(before, holder, now);
    return false;
  }

  private void say(@Nullable Holder before, @Nullable Holder current, Instant now) {
    boolean same = before != null && current != null && before.number() == current.number();
    if (saidAt != null && !same) {
      LOG.infof("the feed is not held back any more by %s", before == null ? "" : before.who());
      saidAt = null;
    }
    if (current != null
        && isLong(age(current, now))
        && (saidAt == null || !saidAt.plus(REMIND).isAfter(now))) {
      saidAt = now;
      LOG.warnf(
          "the feed and its streams have been held back for %d s by an open transaction: %s. Kafka and webhooks"
              + " continue. End it, or its session with pg_terminate_backend.",
          age(current, now).toSeconds(), current.who());
    }
  }

  private static @Nullable Epoch epoch(ResultSet row) throws SQLException {
    int number = row.getInt("epoch");
    return number == 0
        ? null
        : new Epoch(number, Rows.instant(row, "began_at"), row.getString("reason"));
  }

  private static @Nullable Holder holder(ResultSet row, @Nullable Holder before, Instant now)
      throws SQLException {
    long number = row.getLong("number");
    if (row.wasNull()) {
      return null;
    }
    Instant since =
        before != null && before.number() == number
            ? before.since()
            : now.minusMillis((long) (row.getDouble("age") * 1000));
    String prepared = row.getString("gid");
    String who =
        prepared != null
            ? "prepared transaction '" + prepared + "'"
            : "pid %s, application '%s', database %s, %s"
                .formatted(
                    Objects.requireNonNullElse(row.getString("pid"), "unknown"),
                    Objects.requireNonNullElse(row.getString("application_name"), ""),
                    Objects.requireNonNullElse(row.getString("datname"), "unknown"),
                    Objects.requireNonNullElse(row.getString("state"), "state hidden"));
    return new Holder(number, who, since);
  }

  /** Who has held the feed back for long. */
  Optional<Holder> holder() {
    return Optional.ofNullable(holder).filter(seen -> isLong(age(seen, clock.instant())));
  }

  /** For how long the feed has been held back; zero while nobody does so for long. */
  Duration heldBack() {
    return holder().map(seen -> age(seen, clock.instant())).orElse(Duration.ZERO);
  }

  /** The latest epoch, once there was one after the first. */
  Optional<Epoch> epoch() {
    return Optional.ofNullable(epoch);
  }

  private static boolean isLong(Duration age) {
    return age.compareTo(LONG) >= 0;
  }

  private static Duration age(Holder holder, Instant now) {
    return Duration.between(holder.since(), now);
  }
}
