package io.klingtracker.task;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A part of a task's history, oldest first.
 *
 * @param next where the rest begins; null when there is none
 */
public record Timeline(List<TimelineEntry> entries, @Nullable String next) {}
