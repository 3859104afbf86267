package io.klingtracker.klingapi;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.UUID;

/** Kling's answer: code 0, and the data. */
@JsonPropertyOrder({"code", "message", "request_id", "data"})
record KlingEnvelope(
    int code, String message, @JsonProperty("request_id") String requestId, Object data) {

  static KlingEnvelope of(UUID requestId, Object data) {
    return new KlingEnvelope(0, "SUCCEED", requestId.toString(), data);
  }
}
