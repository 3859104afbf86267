package io.klingtracker.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.Cost;
import io.klingtracker.task.Usage;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What the caller's tenant used. */
@Path("/v1/usage")
@Produces(MediaType.APPLICATION_JSON)
public class UsageResource {

  private static final int MAX_LINES = 10_000;

  /** Longest span of one report: a year, a leap day included. */
  private static final Duration MAX_SPAN = Duration.ofDays(366);

  private final Usage usage;
  private final CurrentCaller caller;
  private final Clock clock;

  @Inject
  UsageResource(Usage usage, CurrentCaller caller, Clock clock) {
    this.usage = usage;
    this.caller = caller;
    this.clock = clock;
  }

  /** One line; it has what the report is split by. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "Line1")
  public record Line(
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String day,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String model,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String key,
      long tasks,
      long succeeded,
      long failed,
      long canceled,
      long calls,
      BigDecimal units,
      Cost cost) {}

  /** A report. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Report(String from, String to, List<Line> usage) {}

  /** Tasks and units from {@code from} until before {@code to}; the last 30 days if left out. */
  @GET
  @Needs(Scope.READ)
  @Operation(summary = "Tasks and units, by day, model and key")
  public Report report(
      @QueryParam("from") @Nullable String from,
      @QueryParam("to") @Nullable String to,
      @QueryParam("group_by") @Nullable String groupBy) {
    Instant end = Objects.requireNonNullElseGet(Parameters.time("to", to), clock::instant);
    Instant begin =
        Objects.requireNonNullElseGet(
            Parameters.time("from", from), () -> end.minus(Duration.ofDays(30)));
    if (!begin.isBefore(end) || Duration.between(begin, end).compareTo(MAX_SPAN) > 0) {
      throw Parameters.invalid("from must be before to, by at most " + MAX_SPAN.toDays() + " days");
    }
    List<Usage.Line> lines =
        usage.report(caller.tenant(), begin, end, split(groupBy), MAX_LINES + 1);
    if (lines.size() > MAX_LINES) {
      throw Parameters.invalid(
          "the report has more than " + MAX_LINES + " lines; ask for less time or fewer groups");
    }
    return new Report(
        Rfc3339.format(begin),
        Rfc3339.format(end),
        lines.stream()
            .map(
                line ->
                    new Line(
                        text(line.day()),
                        line.model(),
                        text(line.key()),
                        line.tasks(),
                        line.succeeded(),
                        line.failed(),
                        line.canceled(),
                        line.calls(),
                        line.units(),
                        line.cost()))
            .toList());
  }

  private static Set<Usage.By> split(@Nullable String groupBy) {
    Set<Usage.By> split = EnumSet.noneOf(Usage.By.class);
    if (groupBy == null || groupBy.isBlank()) {
      return split;
    }
    for (String word : groupBy.split(",")) {
      try {
        split.add(Usage.By.valueOf(word.strip().toUpperCase(Locale.ROOT)));
      } catch (IllegalArgumentException e) {
        throw Parameters.invalid("group_by takes day, model and key, separated by commas");
      }
    }
    return split;
  }

  private static @Nullable String text(@Nullable LocalDate day) {
    return day == null ? null : day.toString();
  }

  private static @Nullable String text(@Nullable UUID key) {
    return key == null ? null : key.toString();
  }
}
