package io.klingtracker.simulator;

import com.fasterxml.jackson.annotation.JsonProperty;

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
  /** The rendering of an accepted task. */
  @JsonProperty("render")
  RENDER,
  /** A callback about to be sent. */
  @JsonProperty("callback")
  CALLBACK
}
