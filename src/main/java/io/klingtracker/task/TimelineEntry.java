package io.klingtracker.task;

import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * One line of a task's history: a change, or news that changed nothing.
 *
 * @param sequence the change's number; null for news that was not applied
 * @param status the word of the news
 * @param reason why it was not applied
 */
@Schema(name = "Entry")
public record TimelineEntry(
    @Schema(implementation = String.class) Instant at,
    @Nullable Integer sequence,
    @Nullable String status,
    String source,
    boolean applied,
    @Nullable String reason,
    @Nullable String detail) {}
