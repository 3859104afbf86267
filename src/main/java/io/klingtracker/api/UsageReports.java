package io.klingtracker.api;

import io.klingtracker.api.UsageResource.Line;
import io.klingtracker.api.UsageResource.Report;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.Usage;
import io.klingtracker.task.Usage.By;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reports of what was used, as they are asked for: bounded in time and lines. */
@Singleton
class UsageReports {

  private static final int MAX_LINES = 10_000;

  /** Longest span of one tenant's report: a year, a leap day included. */
  private static final Duration MAX_SPAN = Duration.ofDays(366);

  /** Longest span of a report over all tenants, which reads all tasks of that time. */
  private static final Duration MAX_SPAN_OF_ALL = Duration.ofDays(31);

  private final Usage usage;
  private final Clock clock;

  @Inject
  UsageReports(Usage usage, Clock clock) {
    this.usage = usage;
    this.clock = clock;
  }

  /**
   * From {@code from} until before {@code to}; the last 30 days if left out.
   *
   * @param tenant null for all
   * @param groupBy words of {@code words}, separated by commas
   * @throws io.klingtracker.problem.ProblemException when a parameter is none, or the answer would
   *     be too long
   */
  Report of(
      @Nullable String tenant,
      @Nullable String from,
      @Nullable String to,
      @Nullable String groupBy,
      Set<By> words) {
    Instant end = Objects.requireNonNullElseGet(Parameters.time("to", to), clock::instant);
    Instant begin =
        Objects.requireNonNullElseGet(
            Parameters.time("from", from), () -> end.minus(Duration.ofDays(30)));
    Duration most = tenant == null ? MAX_SPAN_OF_ALL : MAX_SPAN;
    if (!begin.isBefore(end) || Duration.between(begin, end).compareTo(most) > 0) {
      throw Parameters.invalid(
          "from must be before to, by at most %s days%s"
              .formatted(most.toDays(), tenant == null ? " without a tenant" : ""));
    }
    List<Usage.Line> lines = usage.report(tenant, begin, end, split(groupBy, words), MAX_LINES + 1);
    if (lines.size() > MAX_LINES) {
      throw Parameters.invalid(
          "the report has more than " + MAX_LINES + " lines; ask for less time or fewer groups");
    }
    return new Report(
        Rfc3339.format(begin),
        Rfc3339.format(end),
        lines.stream().map(UsageReports::line).toList());
  }

  private static Line line(Usage.Line line) {
    return new Line(
        line.tenant(),
        text(line.day()),
        line.model(),
        text(line.key()),
        line.tasks(),
        line.succeeded(),
        line.failed(),
        line.canceled(),
        line.calls(),
        line.units(),
        line.cost());
  }

  private static Set<By> split(@Nullable String groupBy, Set<By> words) {
    Set<By> split = EnumSet.noneOf(By.class);
    if (groupBy == null || groupBy.isBlank()) {
      return split;
    }
    for (String word : groupBy.split(",")) {
      split.add(
          words.stream()
              .filter(by -> by.word().equalsIgnoreCase(word.strip()))
              .findFirst()
              .orElseThrow(() -> Parameters.invalid("group_by takes " + said(words))));
    }
    return split;
  }

  private static String said(Set<By> words) {
    List<String> all = Arrays.stream(By.values()).filter(words::contains).map(By::word).toList();
    int last = all.size() - 1;
    return String.join(", ", all.subList(0, last))
        + " and "
        + all.get(last)
        + ", separated by commas";
  }

  private static @Nullable String text(@Nullable Object value) {
    return value == null ? null : value.toString();
  }
}
