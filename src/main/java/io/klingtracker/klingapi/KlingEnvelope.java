package io.klingtracker.klingapi;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.UUID;

/** Kling's answer: code 0, and the data. */
@JsonPropertyOrder({"code", "message", "request_id", "data"})
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record KlingEnvelope(int code, String message, String requestId, Object data) {

  static KlingEnvelope of(UUID requestId, Object data) {
    return new KlingEnvelope(0, "SUCCEED", requestId.toString(), data);
  }
}
