package io.klingtracker.klingapi;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.json.Body;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskFilter;
import io.klingtracker.task.TaskId;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What {@code POST /tasks} asks for. A cursor overrides the times, since it is in the list that
 * gave it.
 */
record NewerQuery(
    int limit,
    @Nullable String cursor,
    Instant from,
    Instant to,
    Set<String> statuses,
    Set<String> products) {

  private static final int MAX_LISTED = 500;
  private static final int PRESET_LISTED = 100;
  private static final Duration WINDOW = Duration.ofDays(30);

  static NewerQuery of(Body body, Instant now) {
    Set<String> statuses = new HashSet<>();
    Set<String> products = new HashSet<>();
    for (JsonNode filter : body.get("filters")) {
      Set<String> words =
          switch (filter.path("key").asText()) {
            case "status" -> statuses;
            case "product_type" -> products;
            default -> throw invalid("filters[].key must be one of status, product_type");
          };
      filter.path("values").forEach(value -> words.add(value.asText()));
    }
    String cursor = body.get("cursor").asText("");
    if (!cursor.isEmpty() && !TaskId.isTaskId(cursor)) {
      throw invalid("cursor is none that was given out; leave it out to begin with the newest");
    }
    return new NewerQuery(
        limit(body.get("limit")),
        cursor.isEmpty() ? null : cursor,
        time("start_time", body.get("start_time"), now.minus(WINDOW)),
        // Times are whole milliseconds and the end counts.
        time("end_time", body.get("end_time"), now).plusMillis(1),
        statuses,
        products);
  }

  TaskFilter filter() {
    return cursor == null
        ? new TaskFilter(null, null, null, null, from, to)
        : new TaskFilter(null, null, null, null, null, null);
  }

  boolean wants(Task task) {
    String legacy = task.status().klingWord();
    boolean status =
        statuses.isEmpty()
            || statuses.contains(legacy)
            || statuses.contains(NewerTask.word(legacy));
    return status && (products.isEmpty() || products.contains(task.kind()));
  }

  private static int limit(JsonNode value) {
    if (value.isMissingNode()) {
      return PRESET_LISTED;
    }
    if (!value.isIntegralNumber()
        || !value.canConvertToInt()
        || value.intValue() < 1
        || value.intValue() > MAX_LISTED) {
      throw invalid("limit must be a whole number from 1 to " + MAX_LISTED);
    }
    return value.intValue();
  }

  private static Instant time(String name, JsonNode value, Instant defaultValue) {
    if (value.isMissingNode()) {
      return defaultValue;
    }
    try {
      long ms = Long.parseLong(value.asText());
      if (ms >= 0 && ms < 100_000_000_000_000L) {
        return Instant.ofEpochMilli(ms);
      }
    } catch (NumberFormatException e) {
      // The refusal below says what is expected.
    }
    throw invalid(name + " must be milliseconds since 1970, as a number or a string");
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
