package io.klingtracker.tenant;

import io.klingtracker.catalog.UnitPrice;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.CostSql;
import io.klingtracker.task.TaskId;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What a tenant may have waiting and use up. The count is the database's, a second old at most,
 * plus what this replica has admitted since: so that n replicas may together exceed a quota by what
 * (n - 1) of them admit in that second. Tenants without quotas cost nothing.
 */
@Singleton
public class Quotas implements CountedCalls {

  private static final String QUEUED =
      "select count(*) from dispatch_queue where tenant_id = :tenant";

  /**
   * Kling's deduction where it is known, of tracked and of removed tasks too; nothing for what
   * never got to Kling; and what synchronous calls counted.
   */
  private static final String USED =
      """
      select coalesce(sum(units), 0) as units, coalesce(sum(amount), 0) as amount
      from (
        select %s as units, %s as amount
        from task where tenant_id = :tenant and id >= :from and id < :to
        union all
        select units, amount + units_listed * :unitPrice
        from removed_use where tenant_id = :tenant and hour >= :fromTime and hour < :toTime
        union all
        select units, units * :unitPrice from passed_use where tenant_id = :tenant and hour >= :fromTime and hour < :toTime
      ) used
      """
          .formatted(CostSql.UNITS, CostSql.AMOUNT);

  private static final String COUNT =
      """
      insert into passed_use (tenant_id, hour, api_key_id, path, calls, units)
      values (:tenant, :hour, cast(:key as uuid), :path, 1, :units)
      on conflict (tenant_id, hour, api_key_id, path)
        do update set calls = passed_use.calls + 1, units = passed_use.units + excluded.units
      """;

  private static final String FREE =
      """
      update passed_use set units = greatest(0, units - :units)
      where tenant_id = :tenant and hour = :hour and api_key_id is not distinct from cast(:key as uuid) and path = :path
      """;

  /** How old a tenant's count may be; other replicas' admissions of that time are not seen. */
  private static final Duration REFRESH = Duration.ofSeconds(1);

  private static final Duration TRY_AGAIN = Duration.ofSeconds(10);

  private final Jdbi jdbi;
  private final Clock clock;
  private final CurrentCaller caller;
  private final Map<String, Use> uses = new ConcurrentHashMap<>();

  @Inject
  Quotas(Jdbi jdbi, Clock clock, CurrentCaller caller) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.caller = caller;
  }

  /** A place within the quota; closing it unused gives it back. */
  public interface Admission extends AutoCloseable {
    /** The task is stored. */
    void stored();

    @Override
    void close();
  }

  /**
   * Takes a place for one more task of the caller's tenant.
   *
   * @param units what it should cost
   * @throws ProblemException when the tenant's quota is used up
   */
  public Admission admit(@Nullable BigDecimal units) {
    return admit(caller.tenant(), caller.caller().quota(), units == null ? BigDecimal.ZERO : units);
  }

  @Override
  public Call count(String path, BigDecimal units) {
    return count(caller.tenant(), caller.key(), caller.caller().quota(), path, units);
  }

  Call count(String tenant, @Nullable UUID key, Quota quota, String path, BigDecimal units) {
    Instant hour = clock.instant().truncatedTo(ChronoUnit.HOURS);
    try (Admission place = admit(tenant, quota.withoutQueue(), units)) {
      write(COUNT, tenant, hour, key, path, units);
      place.stored();
    }
    return () -> write(FREE, tenant, hour, key, path, units);
  }

  private void write(
      String statement,
      String tenant,
      Instant hour,
      @Nullable UUID key,
      String path,
      BigDecimal units) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(statement)
                .bind("tenant", tenant)
                .bind("hour", hour)
                .bind("key", key)
                .bind("path", path)
                .bind("units", units)
                .execute());
  }

  /**
   * A task that another program submits costs what Kling will say; nothing more is watched once the
   * units are used up.
   *
   * @throws ProblemException when they are
   */
  public void watch() {
    admit(caller.tenant(), caller.caller().quota().withoutQueue(), BigDecimal.ZERO).close();
  }

  Admission admit(String tenant, Quota quota, BigDecimal units) {
    if (quota.isNone()) {
      return new Reservation(null, units, false);
    }
    Use use = uses.computeIfAbsent(tenant, Use::new);
    use.take(quota, units);
    return new Reservation(use, units, quota.queued() != null);
  }

  private static final class Reservation implements Admission {

    private final @Nullable Use use;
    private final BigDecimal units;
    private final boolean queues;
    private boolean open = true;

    Reservation(@Nullable Use use, BigDecimal units, boolean queues) {
      this.use = use;
      this.units = units;
      this.queues = queues;
    }

    @Override
    public void stored() {
      end(true);
    }

    @Override
    public void close() {
      end(false);
    }

    private void end(boolean stored) {
      if (open && use != null) {
        use.end(units, queues, stored);
      }
      open = false;
    }
  }

  /** One tenant's use: what the database said, and what has been admitted since. */
  private final class Use {

    private final String tenant;
    private @Nullable Instant readAt;
    private @Nullable LocalDate day;
    private int queued;
    private Used today = Used.NOTHING;
    private Used earlier = Used.NOTHING;
    private int underWay;
    private BigDecimal unitsUnderWay = BigDecimal.ZERO;

    Use(String tenant) {
      this.tenant = tenant;
    }

    synchronized void take(Quota quota, BigDecimal units) {
      Instant now = clock.instant();
      if (readAt == null || now.isAfter(readAt.plus(REFRESH))) {
        read(quota, now);
      }
      Instant midnight =
          now.atZone(ZoneOffset.UTC)
              .toLocalDate()
              .plusDays(1)
              .atStartOfDay(ZoneOffset.UTC)
              .toInstant();
      if (quota.queued() != null && queued + underWay >= quota.queued()) {
        throw exceeded(
            "the tenant may have "
                + quota.queued()
                + " tasks waiting and has them; try again when some have started",
            TRY_AGAIN);
      }
      BigDecimal asked = unitsUnderWay.add(units);
      BigDecimal used = today.units.add(asked);
      if (quota.unitsPerDay() != null && used.compareTo(quota.unitsPerDay()) > 0) {
        throw exceeded(
            "the tenant may use "
                + quota.unitsPerDay().toPlainString()
                + " units a day (UTC), which this task would exceed",
            Duration.between(now, midnight));
      }
      if (quota.unitsPerMonth() != null
          && earlier.units.add(used).compareTo(quota.unitsPerMonth()) > 0) {
        throw exceeded(
            "the tenant may use "
                + quota.unitsPerMonth().toPlainString()
                + " units a month (UTC), which this task would exceed",
            untilNextMonth(now));
      }
      BigDecimal spent = earlier.amount.add(today.amount).add(UnitPrice.of(asked));
      if (quota.amountPerMonth() != null && spent.compareTo(quota.amountPerMonth()) > 0) {
        throw exceeded(
            "the tenant may spend "
                + quota.amountPerMonth().toPlainString()
                + " "
                + UnitPrice.currency()
                + " a month (UTC, by Kling's list price), which this task would exceed",
            untilNextMonth(now));
      }
      underWay += quota.queued() == null ? 0 : 1;
      unitsUnderWay = unitsUnderWay.add(units);
    }

    synchronized void end(BigDecimal units, boolean queues, boolean stored) {
      underWay -= queues ? 1 : 0;
      unitsUnderWay = unitsUnderWay.subtract(units);
      if (stored) {
        queued += queues ? 1 : 0;
        today = today.and(units);
      }
    }

    private void read(Quota quota, Instant now) {
      LocalDate date = now.atZone(ZoneOffset.UTC).toLocalDate();
      jdbi.useHandle(
          handle -> {
            if (quota.queued() != null) {
              queued = handle.createQuery(QUEUED).bind("tenant", tenant).mapTo(Integer.class).one();
            }
            if (quota.isOfUse()) {
              today = used(handle, date, date.plusDays(1));
            }
            // The days before today are read once a day: what Kling deducts later hardly moves
            // them.
            if (quota.isOfMonth() && !date.equals(day)) {
              earlier = used(handle, date.withDayOfMonth(1), date);
              day = date;
            }
          });
      readAt = now;
    }

    private Used used(Handle handle, LocalDate from, LocalDate to) {
      return handle
          .createQuery(USED)
          .bind("unitPrice", UnitPrice.one())
          .bind("currency", UnitPrice.currency())
          .bind("tenant", tenant)
          .bind("from", TaskId.firstAt(start(from)))
          .bind("to", TaskId.firstAt(start(to)))
          .bind("fromTime", start(from))
          .bind("toTime", start(to))
          .map((row, context) -> new Used(row.getBigDecimal("units"), row.getBigDecimal("amount")))
          .one();
    }
  }

  /** What is used up, in units and as money. */
  private record Used(BigDecimal units, BigDecimal amount) {

    static final Used NOTHING = new Used(BigDecimal.ZERO, BigDecimal.ZERO);

    Used and(BigDecimal more) {
      return new Used(units.add(more), amount.add(UnitPrice.of(more)));
    }
  }

  private static Duration untilNextMonth(Instant now) {
    Instant next =
        now.atZone(ZoneOffset.UTC)
            .toLocalDate()
            .withDayOfMonth(1)
            .plusMonths(1)
            .atStartOfDay(ZoneOffset.UTC)
            .toInstant();
    return Duration.between(now, next);
  }

  private static Instant start(LocalDate day) {
    return day.atStartOfDay(ZoneOffset.UTC).toInstant();
  }

  private static ProblemException exceeded(String message, Duration wait) {
    return new ProblemException(ErrorCode.QUOTA_EXCEEDED, message, wait.plusMillis(999));
  }
}
