package io.klingtracker.console;

import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.TimelineEntry;
import io.klingtracker.webhook.TaskDeliveries;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A task's time line, to scale: a lane for each who had a word, waits as bars, news as marks.
 *
 * @param lanes from us outward
 * @param ticks times along it
 */
public record TimeLine(List<Lane> lanes, List<Tick> ticks) {

  /**
   * Marks of one lane; a page of thousands would be unreadable, and the list below has them all.
   */
  static final int MAX_MARKS = 200;

  private static final int TICKS = 4;

  /** Of the width: marks at the edges are whole. */
  private static final double MARGIN = 2;

  /** Who had a word. */
  public record Lane(String name, List<Bar> bars, List<Mark> marks) {}

  /** A wait, in per cent of the width. */
  public record Bar(String x, String width, String kind, String text) {}

  /** A piece of news, in per cent of the width. */
  public record Mark(String x, boolean applied, String text) {}

  /**
   * A time after the beginning.
   *
   * @param minor whether it is left out where there is no room
   */
  public record Tick(String x, String anchor, String text, boolean minor) {}

  /** Places on the line. */
  private record Scale(Instant from, Instant to) {

    String at(Instant time) {
      double whole = Math.max(1, Duration.between(from, to).toMillis());
      double part = Duration.between(from, time).toMillis() / whole;
      return number(MARGIN + (100 - 2 * MARGIN) * Math.min(1, Math.max(0, part)));
    }

    String width(Instant begin, Instant end) {
      return number(Math.max(0.3, Double.parseDouble(at(end)) - Double.parseDouble(at(begin))));
    }

    /** As SVG has it, in every language. */
    private static String number(double value) {
      return String.valueOf(Math.round(value * 100) / 100.0);
    }
  }

  /**
   * The line of a task from its submission to its end, or to now.
   *
   * @param entries of its history
   * @param attempts to notify its receiver
   */
  static TimeLine of(
      Task task, List<TimelineEntry> entries, List<TaskDeliveries.Attempt> attempts, Instant now) {
    Instant end = end(task, now);
    Instant last = end;
    for (TimelineEntry entry : entries) {
      last = entry.at().isAfter(last) ? entry.at() : last;
    }
    for (TaskDeliveries.Attempt attempt : attempts) {
      last = attempt.at().isAfter(last) ? attempt.at() : last;
    }
    Scale scale = new Scale(task.createdAt(), last);
    Map<String, List<Mark>> marks = new LinkedHashMap<>();
    for (String lane : List.of("us", "Kling", "callbacks", "queries", "events", "webhook")) {
      marks.put(lane, new ArrayList<>());
    }
    for (TimelineEntry entry : entries) {
      add(marks, lane(entry.source()), scale, entry.at(), entry.applied(), text(entry));
      if (entry.applied()) {
        add(
            marks,
            "events",
            scale,
            entry.at(),
            true,
            "event " + entry.sequence() + " " + entry.status() + ", for Kafka, feed and webhook");
      }
    }
    for (TaskDeliveries.Attempt attempt : attempts) {
      add(marks, "webhook", scale, attempt.at(), attempt.delivered(), attempt.words());
    }
    List<Lane> lanes = new ArrayList<>();
    marks.forEach(
        (name, all) -> lanes.add(new Lane(name, bars(name, task, entries, end, scale), all)));
    return new TimeLine(lanes, ticks(scale));
  }

  private static void add(
      Map<String, List<Mark>> marks,
      String lane,
      Scale scale,
      Instant at,
      boolean applied,
      String text) {
    List<Mark> all = marks.getOrDefault(lane, new ArrayList<>());
    if (all.size() < MAX_MARKS) {
      all.add(new Mark(scale.at(at), applied, "+" + Shown.between(scale.from(), at) + ": " + text));
    }
  }

  private static Instant end(Task task, Instant now) {
    Instant finished = task.finishedAt();
    if (finished != null) {
      return finished;
    }
    return task.status() == TaskStatus.EXPIRED ? task.updatedAt() : now;
  }

  private static String lane(String source) {
    return switch (source) {
      case "dispatch" -> "Kling";
      case "callback" -> "callbacks";
      case "poll" -> "queries";
      default -> "us";
    };
  }

  private static String text(TimelineEntry entry) {
    StringBuilder text = new StringBuilder();
    text.append(entry.status() == null ? entry.source() : entry.status());
    if (!entry.applied()) {
      text.append(", changed nothing: ").append(entry.reason());
    }
    if (entry.detail() != null) {
      text.append(", ").append(entry.detail());
    }
    return text.toString();
  }

  private static List<Bar> bars(
      String lane, Task task, List<TimelineEntry> entries, Instant end, Scale scale) {
    Instant dispatched = task.dispatchedAt();
    if (lane.equals("us")) {
      return List.of(
          bar(
              scale,
              task.createdAt(),
              dispatched == null ? end : dispatched,
              "queued",
              "in our queue"));
    }
    if (lane.equals("Kling") && dispatched != null) {
      return List.of(bar(scale, dispatched, end, "kling", "at Kling"));
    }
    Instant claimed = claimed(entries);
    if (lane.equals("callbacks") && claimed != null && claimed.isBefore(end)) {
      return List.of(
          bar(scale, claimed, end, "proof", "an unsigned end, until Kling confirmed it"));
    }
    return List.of();
  }

  /** When an unproved end was received first. */
  private static @Nullable Instant claimed(List<TimelineEntry> entries) {
    return entries.stream()
        .filter(entry -> "to-confirm".equals(entry.reason()))
        .map(TimelineEntry::at)
        .findFirst()
        .orElse(null);
  }

  private static Bar bar(Scale scale, Instant from, Instant to, String kind, String text) {
    return new Bar(
        scale.at(from), scale.width(from, to), kind, text + ", " + Shown.between(from, to));
  }

  private static List<Tick> ticks(Scale scale) {
    Duration whole = Duration.between(scale.from(), scale.to());
    List<Tick> ticks = new ArrayList<>();
    for (int i = 0; i <= TICKS; i++) {
      Duration after = whole.multipliedBy(i).dividedBy(TICKS);
      ticks.add(
          new Tick(
              scale.at(scale.from().plus(after)),
              i == 0 ? "start" : i == TICKS ? "end" : "middle",
              i == 0 ? "0" : "+" + Shown.duration(after),
              i % 2 == 1));
    }
    return ticks;
  }
}
