package io.klingtracker.tenant;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;

/**
 * A token bucket per key. Each replica decides alone and at once; several times a second it says
 * what it let through and takes what the others let through out of its own bucket. What one lets
 * through another has counted two syncs later at most: with n replicas a window may therefore see
 * (n - 1) × (burst + rate × 2 × sync) requests more than with one, and what was too much is paid
 * back by waiting longer.
 */
@Startup
@ApplicationScoped
class RateLimits {

  private static final Logger LOG = Logger.getLogger(RateLimits.class);

  private static final String SYNC =
      """
      with mine as (
        insert into rate_use (key_id, replica, used, at)
        select u.key_id, cast(:replica as uuid), u.used, :now
        from unnest(cast(:keys as uuid[]), cast(:used as bigint[])) as u(key_id, used)
        on conflict (key_id, replica) do update set used = excluded.used, at = excluded.at
      )
      select r.key_id, r.replica, r.used, r.at from rate_use r
      where r.key_id = any(cast(:keys as uuid[])) and r.replica <> cast(:replica as uuid)
      """;

  private static final String PRUNE =
      "delete from rate_use where at < cast(:now as timestamptz) - interval '1 hour'";

  /** How often replicas announce to one another what they let through. */
  private static final Duration SYNC_EVERY = Duration.ofMillis(500);

  private static final Duration IDLE = Duration.ofMinutes(10);

  /** What another replica says that it let through of a key, ever. */
  private record RemoteUse(UUID key, UUID replica, long used, Instant at) {}

  private final Jdbi jdbi;
  private final Clock clock;
  private final TenantConfig.Keys config;
  private final UUID replica = UUID.randomUUID();
  private final Map<UUID, TokenBucket> buckets = new ConcurrentHashMap<>();
  private Instant pruneAt;

  @Inject
  RateLimits(Jdbi jdbi, Clock clock, TenantConfig config, Loops loops) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.config = config.keys();
    this.pruneAt = clock.instant().plus(IDLE);
    loops.add(WorkLoop.named("rates").every(SYNC_EVERY).work(this::sync));
  }

  /**
   * Counts a request.
   *
   * @throws ProblemException when the key has used up its rate
   */
  void take(Caller caller) {
    UUID key = caller.rateKey();
    double rate =
        caller.rate() != null ? caller.rate().doubleValue() : config.rate().orElse(Double.NaN);
    if (key == null || Double.isNaN(rate)) {
      return;
    }
    int burst =
        caller.burst() != null
            ? caller.burst()
            : config.burst().orElse((int) Math.max(1, Math.ceil(rate)));
    Instant now = clock.instant();
    Duration[] waits = new Duration[1];
    // Within the map's own lock, so that no token is taken of a bucket that is being put away.
    buckets.compute(
        key,
        (id, known) -> {
          TokenBucket bucket = known == null ? new TokenBucket(burst, now) : known;
          waits[0] = bucket.take(rate, burst, now);
          return bucket;
        });
    Duration wait = waits[0];
    if (!wait.isZero()) {
      throw new ProblemException(
          ErrorCode.RATE_LIMITED,
          "too many requests with this key: it may make " + rate + " a second; slow down",
          wait.plusMillis(999));
    }
  }

  /** Shares with the other replicas and counts what they shared. */
  boolean sync() {
    Instant now = clock.instant();
    Map<UUID, Long> used = new HashMap<>();
    for (UUID key : buckets.keySet()) {
      TokenBucket bucket =
          buckets.computeIfPresent(
              key, (id, known) -> known.idleSince(now.minus(IDLE)) ? null : known);
      if (bucket != null && bucket.isActive()) {
        used.put(key, bucket.used());
      }
    }
    Batch.apply(
        used.entrySet(),
        some -> exchange(some, now),
        (entry, failure) ->
            LOG.warnf(
                "the use of key %s is not shared: %s", entry.getKey(), SetAside.reason(failure)));
    if (now.isAfter(pruneAt)) {
      pruneAt = now.plus(IDLE);
      jdbi.useHandle(handle -> handle.createUpdate(PRUNE).bind("now", now).execute());
    }
    return false;
  }

  private void exchange(List<Map.Entry<UUID, Long>> used, Instant now) {
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createQuery(SYNC), used)
                .uuids("keys", Map.Entry::getKey)
                .longs("used", Map.Entry::getValue)
                .rest()
                .bind("replica", replica)
                .bind("now", now)
                .map(
                    (row, context) ->
                        new RemoteUse(
                            row.getObject("key_id", UUID.class),
                            row.getObject("replica", UUID.class),
                            row.getLong("used"),
                            Rows.instant(row, "at")))
                .forEach(this::addRemote));
    used.stream()
        .map(entry -> buckets.get(entry.getKey()))
        .filter(Objects::nonNull)
        .forEach(TokenBucket::synced);
  }

  private void addRemote(RemoteUse remote) {
    TokenBucket bucket = buckets.get(remote.key());
    if (bucket != null) {
      bucket.addRemote(remote.replica(), remote.used(), remote.at());
    }
  }
}
