package io.klingtracker.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.task.TimelineEntry;
import io.klingtracker.time.Rfc3339;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A part of a task's history, and where the next begins. */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record TimelineView(List<Entry> entries, @Nullable String nextCursor) {

  /** One line of it. */
  record Entry(
      String at,
      @Nullable Integer sequence,
      @Nullable String status,
      String source,
      boolean applied,
      @Nullable String reason,
      @Nullable String detail) {}

  static TimelineView of(List<TimelineEntry> entries, @Nullable String nextCursor) {
    return new TimelineView(
        entries.stream()
            .map(
                entry ->
                    new Entry(
                        Rfc3339.format(entry.at()),
                        entry.sequence(),
                        entry.status(),
                        entry.source(),
                        entry.applied(),
                        entry.reason(),
                        entry.detail()))
            .toList(),
        nextCursor);
  }
}
