package io.klingtracker.simulator;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Locale;

/** What a fault can strike. */
public enum Operation {
  /** A create request. */
  @JsonProperty("create")
  CREATE,
  /** A query for one task, or for tasks by id. */
  @JsonProperty("query")
  QUERY,
  /** A list request. */
  @JsonProperty("list")
  LIST,
  /** Any of the three requests. */
  @JsonProperty("request")
  REQUEST,
  /** The rendering of an accepted task. */
  @JsonProperty("render")
  RENDER,
  /** A callback about to be sent. */
  @JsonProperty("callback")
  CALLBACK;

  /** As on the control port. */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether a rule for this one is for that one too. */
  boolean covers(Operation other) {
    return this == other || this == REQUEST && (other == CREATE || other == QUERY || other == LIST);
  }
}
