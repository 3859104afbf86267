package io.klingtracker.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.task.TimelineEntry;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A part of a task's history, and where the next begins. */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record TimelineView(List<TimelineEntry> entries, @Nullable String nextCursor) {}
