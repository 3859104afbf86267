package io.klingtracker.retention;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;

/** Removes what has an age of its own, whatever becomes of the tasks: news and hourly sums. */
@Singleton
class AgedRows {

  /** The oldest first, which the numbers of news nearly are: a line that is repeated keeps its. */
  static final String NEWS =
      """
      with oldest as materialized (
        select id, at, coalesce(repeated_at, at) as last from task_news where id > :after order by id limit :limit
      ),
      removed as (
        delete from task_news n using oldest o where n.id = o.id and o.last < :before returning n.id
      )
      select coalesce(max(id), 0) as last, count(*) filter (where at < :before) as old, (select count(*) from removed) as removed
      from oldest
      """;

  /** The sums of all hours together have no hour that could be too old. */
  static final String USE =
      """
      delete from %1$s where ctid = any(array(
        select u.ctid from tenant t cross join lateral (
          select u.ctid from %1$s u
          where u.tenant_id = t.id and u.hour > '-infinity' and u.hour < :before
          order by u.hour limit :limit) u
        limit :limit))
      """;

  /** Where there is a row for each hour. */
  static final List<String> USES = List.of("removed_use", "passed_use", "task_sum");

  private final Jdbi jdbi;
  private final Clock clock;
  private final Optional<Duration> news;
  private final Optional<Duration> usage;
  private final int batch;
  private final Counter removedNews;
  private final Counter removedUsage;

  /** Behind which line of news the round continues. */
  private long after;

  @Inject
  AgedRows(Jdbi jdbi, RetentionConfig config, Clock clock, MeterRegistry registry) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.news = config.news();
    this.usage = config.usage();
    this.batch = config.rate();
    this.removedNews = Retention.counter(registry, "news");
    this.removedUsage = Retention.counter(registry, "usage");
  }

  /**
   * Removes a batch of each.
   *
   * @return false when these were the last of a round
   */
  boolean removeBatch() {
    boolean more = news.isPresent() && removeNews(before(news.get()));
    if (usage.isPresent()) {
      for (String table : USES) {
        int removed = removeUse(table, before(usage.get()));
        removedUsage.increment(removed);
        more |= removed == batch;
      }
    }
    return more;
  }

  private Instant before(Duration age) {
    return clock.instant().minus(age);
  }

  private boolean removeNews(Instant before) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(NEWS)
                .bind("after", after)
                .bind("before", before)
                .bind("limit", batch)
                .map(
                    (row, context) -> {
                      removedNews.increment(row.getInt("removed"));
                      boolean more = row.getInt("old") == batch;
                      after = more ? row.getLong("last") : 0;
                      return more;
                    })
                .one());
  }

  private int removeUse(String table, Instant before) {
    return jdbi.withHandle(
        handle ->
            handle
                .createUpdate(USE.formatted(table))
                .bind("before", before)
                .bind("limit", batch)
                .execute());
  }
}
