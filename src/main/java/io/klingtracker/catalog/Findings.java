package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.json.Excerpts;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a check found: refusals, all of them, and warnings. Bounded, since the body is not ours. */
final class Findings {

  private static final int MAX = 30;

  private final LocalDate day;
  private final List<String> refusals = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private String suffix = "";
  private int more;

  /** For a request of that day, in UTC. */
  Findings(LocalDate day) {
    this.day = day;
  }

  LocalDate day() {
    return day;
  }

  /** Names the model version whose own rule is about to be checked; null for a common rule. */
  void forModel(@Nullable String model) {
    suffix = model == null ? "" : " with " + model;
  }

  /** A value that breaks a rule; the wording is Kling's own as far as it goes. */
  void refuse(String field, JsonNode value, String rule) {
    add("%s value '%s' is invalid: %s".formatted(field, Excerpts.shown(value), rule) + suffix);
  }

  /** A value that is not there although a rule needs it. */
  void missing(String field, String rule) {
    add("%s value is missing: %s".formatted(field, rule));
  }

  /** Something that Kling takes, and that is probably not what the caller means. */
  void warn(String warning) {
    if (warnings.size() < MAX) {
      warnings.add(warning);
    }
  }

  boolean none() {
    return refusals.isEmpty();
  }

  /** Every refusal in one line. */
  String message() {
    String all = String.join("; ", refusals);
    return more == 0 ? all : all + "; and " + more + " more";
  }

  List<String> warnings() {
    return List.copyOf(warnings);
  }

  private void add(String refusal) {
    if (refusals.size() < MAX) {
      refusals.add(refusal);
    } else {
      more++;
    }
  }
}
