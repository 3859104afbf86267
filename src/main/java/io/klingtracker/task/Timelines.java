package io.klingtracker.task;

import io.klingtracker.database.Rows;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** What happened to a task: its changes, and the news that changed nothing. */
@Singleton
class Timelines {

  /** Bytes of details in one answer with a task's history. */
  private static final int MAX_TIMELINE_BYTES = 1 << 20;

  /**
   * Details are cut where they are read as well, and \\u0000 is replaced before PostgreSQL reads a
   * payload: rows may be older than the readers that see to both.
   */
  private static final String TIMELINE =
      """
      with lines as materialized (
        select * from (
          select occurred_at as at, (extract(epoch from occurred_at) * 1000000)::bigint as micros, sequence,
            left(status::text, 64) as status, source, true as applied, null as reason,
            left(replace(payload::text, '\\u0000', '\\ufffd')::json ->> 'status_message', 2000) as detail,
            0 as kind, sequence::bigint as position
          from task_event where task_id = :id
          union all
          select at, (extract(epoch from at) * 1000000)::bigint, null, left(status, 64), source, false, reason,
            nullif(concat_ws(' ', left(detail, 2000), case when repeats > 0 then
              format('(%%s more, the last at %%s)', repeats, to_char(repeated_at at time zone 'UTC', %s)) end), ''),
            1, id
          from task_news where task_id = :id
        ) as line
        where (micros, kind, position) > (:micros, :kind, :position)
        order by micros, kind, position
        limit :limit
      )
      select * from (
        select l.*, coalesce(sum(octet_length(detail)) over earlier, 0) as bytes_before,
          lead(position) over (order by micros, kind, position) is not null as more
        from lines l window earlier as (order by micros, kind, position rows between unbounded preceding and 1 preceding)
      ) placed
      where bytes_before < :maxBytes order by micros, kind, position
      """
          .formatted(Rfc3339.SQL_PATTERN);

  private final Jdbi jdbi;

  @Inject
  Timelines(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** See {@link Tasks#timeline}. */
  Timeline of(String taskId, @Nullable String after, int limit) {
    long[] place = place(after);
    List<TimelineEntry> entries = new ArrayList<>();
    String[] last = {""};
    boolean[] more = {false};
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(TIMELINE)
                .bind("id", taskId)
                .bind("micros", place[0])
                .bind("kind", (int) place[1])
                .bind("position", place[2])
                .bind("limit", limit + 1)
                .bind("maxBytes", MAX_TIMELINE_BYTES)
                .map(
                    (row, context) -> {
                      if (entries.size() == limit) {
                        return false;
                      }
                      more[0] = row.getBoolean("more");
                      last[0] =
                          row.getLong("micros")
                              + "/"
                              + row.getInt("kind")
                              + "/"
                              + row.getLong("position");
                      return entries.add(
                          new TimelineEntry(
                              Rows.instant(row, "at"),
                              row.getObject("sequence", Integer.class),
                              row.getString("status"),
                              row.getString("source"),
                              row.getBoolean("applied"),
                              row.getString("reason"),
                              row.getString("detail")));
                    })
                .list());
    return new Timeline(entries, more[0] ? last[0] : null);
  }

  private static long[] place(@Nullable String after) {
    if (after == null) {
      return new long[] {Long.MIN_VALUE, 0, 0};
    }
    return Arrays.stream(after.split("/")).mapToLong(Long::parseLong).toArray();
  }
}
