package io.klingtracker.task;

import io.klingtracker.catalog.UnitPrice;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What a tenant used, counted on the day a task was created. Reads the tasks of that time by their
 * range of ids, and no others; of those that were removed the sums of each hour.
 */
@Singleton
public class Usage {

  /** What a report can be split by. */
  public enum By {
    /** The tenant, where the report is of several. */
    TENANT("t.tenant_id"),
    /** The day of creation, UTC. */
    DAY("(t.created_at at time zone 'UTC')::date as day"),
    /** The public model name. */
    MODEL("t.model"),
    /** The API key that submitted. */
    KEY("t.api_key_id");

    private final String column;

    By(String column) {
      this.column = column;
    }

    /** How callers name it. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A line of a report; what it is not split by is null.
   *
   * @param calls synchronous calls, which make no task and have no model; they count in the hour in
   *     which they were made
   * @param units what Kling deducted, or where it did not say, what was counted by the price table;
   *     tasks that never got to Kling cost nothing
   * @param cost the same, and as money: what Kling took in the currency of its list, and units by
   *     their list price; charged once Kling has reported every task
   */
  public record Line(
      @Nullable String tenant,
      @Nullable LocalDate day,
      @Nullable String model,
      @Nullable UUID key,
      long tasks,
      long succeeded,
      long failed,
      long canceled,
      long calls,
      BigDecimal units,
      Cost cost) {}

  private static final String REPORT =
      """
      select %1$s coalesce(sum(t.tasks), 0)::bigint as tasks,
        coalesce(sum(t.tasks) filter (where t.status = 'succeed'), 0)::bigint as succeeded,
        coalesce(sum(t.tasks) filter (where t.status = 'failed'), 0)::bigint as failed,
        coalesce(sum(t.tasks) filter (where t.status = 'canceled'), 0)::bigint as canceled,
        coalesce(sum(t.calls), 0)::bigint as calls,
        coalesce(sum(t.units), 0) as units,
        trim_scale(coalesce(sum(t.amount), 0)) as amount,
        coalesce(bool_and(t.charged), true) as charged
      from (
        select tenant_id, created_at, model, api_key_id, status, 1 as tasks, null::bigint as calls,
          %2$s as amount, num_nonnulls(units, amount) > 0 or %3$s as charged, %4$s as units
        from task where %5$s id >= :from and id < :to
        union all
        -- What retention has removed.
        select tenant_id, hour, model, api_key_id, status, tasks, null, amount + units_listed * :unitPrice, uncharged = 0, units
        from removed_use where %5$s hour >= :fromTime and hour < :toTime
        union all
        select tenant_id, hour, null, api_key_id, null, 0, calls, units * :unitPrice, false, units
        from passed_use where %5$s hour >= :fromTime and hour < :toTime
      ) t
      %6$s
      limit :limit
      """;

  private final Jdbi jdbi;

  @Inject
  Usage(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * The tasks created from {@code from} until before {@code to}; at most {@code limit} lines.
   *
   * @param tenant null for all, which reads all tasks of that time
   */
  public List<Line> report(
      @Nullable String tenant, Instant from, Instant to, Set<By> split, int limit) {
    StringBuilder columns = new StringBuilder();
    List<String> positions = new ArrayList<>();
    for (By by : By.values()) {
      if (split.contains(by)) {
        columns.append(by.column).append(", ");
        positions.add(Integer.toString(positions.size() + 1));
      }
    }
    String places = String.join(", ", positions);
    String statement =
        REPORT.formatted(
            columns,
            CostSql.AMOUNT,
            CostSql.UNSENT,
            CostSql.UNITS,
            tenant == null ? "" : "tenant_id = :tenant and",
            positions.isEmpty() ? "" : "group by " + places + " order by " + places);
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(statement)
                .bind("unitPrice", UnitPrice.one())
                .bind("currency", UnitPrice.currency())
                .bindMap(tenant == null ? Map.of() : Map.of("tenant", tenant))
                .bind("from", TaskId.firstAt(from))
                .bind("to", TaskId.firstAt(to))
                .bind("fromTime", from)
                .bind("toTime", to)
                .bind("limit", limit)
                .map((row, context) -> line(row, split))
                .list());
  }

  private static Line line(ResultSet row, Set<By> split) throws SQLException {
    return new Line(
        split.contains(By.TENANT) ? row.getString("tenant_id") : null,
        split.contains(By.DAY) ? row.getObject("day", LocalDate.class) : null,
        split.contains(By.MODEL) ? row.getString("model") : null,
        split.contains(By.KEY) ? row.getObject("api_key_id", UUID.class) : null,
        row.getLong("tasks"),
        row.getLong("succeeded"),
        row.getLong("failed"),
        row.getLong("canceled"),
        row.getLong("calls"),
        row.getBigDecimal("units"),
        new Cost(
            row.getBigDecimal("units"),
            row.getBigDecimal("amount"),
            UnitPrice.currency(),
            row.getBoolean("charged") ? Cost.State.CHARGED : Cost.State.EXPECTED));
  }
}
