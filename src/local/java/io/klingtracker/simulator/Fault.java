package io.klingtracker.simulator;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import org.jspecify.annotations.Nullable;

/**
 * What goes wrong. On the control port each is an object with its {@code type} and its fields.
 * Faults named {@code Then…} strike after the request took effect, which is what makes a create
 * ambiguous.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Fault.Refuse.class, name = "refuse"),
  @JsonSubTypes.Type(value = Fault.Answer.class, name = "answer"),
  @JsonSubTypes.Type(value = Fault.Reset.class, name = "reset"),
  @JsonSubTypes.Type(value = Fault.Delay.class, name = "delay"),
  @JsonSubTypes.Type(value = Fault.Outage.class, name = "outage"),
  @JsonSubTypes.Type(value = Fault.ThenReset.class, name = "then-reset"),
  @JsonSubTypes.Type(value = Fault.ThenAnswer.class, name = "then-answer"),
  @JsonSubTypes.Type(value = Fault.ThenDelay.class, name = "then-delay"),
  @JsonSubTypes.Type(value = Fault.CallbackFirst.class, name = "callback-first"),
  @JsonSubTypes.Type(value = Fault.RenderFails.class, name = "render-fails"),
  @JsonSubTypes.Type(value = Fault.RenderTakes.class, name = "render-takes"),
  @JsonSubTypes.Type(value = Fault.Drop.class, name = "drop"),
  @JsonSubTypes.Type(value = Fault.Repeat.class, name = "repeat"),
  @JsonSubTypes.Type(value = Fault.Swap.class, name = "swap"),
  @JsonSubTypes.Type(value = Fault.Forge.class, name = "forge"),
  @JsonSubTypes.Type(value = Fault.Contradict.class, name = "contradict"),
  @JsonSubTypes.Type(value = Fault.OtherDialect.class, name = "other-dialect"),
  @JsonSubTypes.Type(value = Fault.Envelope.class, name = "envelope"),
  @JsonSubTypes.Type(value = Fault.RawBody.class, name = "raw-body"),
  @JsonSubTypes.Type(value = Fault.WrongSignature.class, name = "wrong-signature"),
  @JsonSubTypes.Type(value = Fault.Unsigned.class, name = "unsigned")
})
public sealed interface Fault {

  /** A request is refused with Kling's error body and has no effect. */
  record Refuse(int status, int code, String message) implements Fault {}

  /** A request is answered with these very bytes and has no effect; no body is an empty one. */
  record Answer(int status, @Nullable String body) implements Fault {}

  /** The connection is reset before the request has any effect. */
  record Reset() implements Fault {}

  /** A request, or a callback, waits before it takes effect. */
  record Delay(long millis) implements Fault {}

  /** Nobody listens for so long, beginning with this request, which has no effect. */
  record Outage(long millis) implements Fault {}

  /** The request takes effect, then its connection is reset. */
  record ThenReset() implements Fault {}

  /** The request takes effect, but is answered with these very bytes; no body is an empty one. */
  record ThenAnswer(int status, @Nullable String body) implements Fault {}

  /** The request takes effect at once and is answered so much later. */
  record ThenDelay(long millis) implements Fault {}

  /** A create's task reaches this status and calls back before the create is answered. */
  record CallbackFirst(String status) implements Fault {}

  /** The task will fail, for this reason. */
  record RenderFails(String message) implements Fault {}

  /** The task starts and ends so long after its creation. */
  record RenderTakes(long submittedMillis, long totalMillis) implements Fault {}

  /** A callback is never sent. */
  record Drop() implements Fault {}

  /** A callback is sent so many times. */
  record Repeat(int times) implements Fault {}

  /** A callback changes places with the task's next. */
  record Swap() implements Fault {}

  /** A callback tells of this status instead of the true one. */
  record Forge(String status) implements Fault {}

  /** A callback is followed by one that tells of this status. */
  record Contradict(String status) implements Fault {}

  /** A callback has the shape of the other generation. */
  record OtherDialect() implements Fault {}

  /** A callback comes inside the {@code code} and {@code data} of an answer. */
  record Envelope() implements Fault {}

  /** A callback has this very body. */
  record RawBody(String body) implements Fault {}

  /** A callback is signed with a key that nobody knows. */
  record WrongSignature() implements Fault {}

  /** A callback comes without signature although there is a secret. */
  record Unsigned() implements Fault {}
}
