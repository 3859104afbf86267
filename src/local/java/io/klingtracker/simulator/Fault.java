package io.klingtracker.simulator;

import static io.klingtracker.simulator.Operation.CALLBACK;
import static io.klingtracker.simulator.Operation.CREATE;
import static io.klingtracker.simulator.Operation.LIST;
import static io.klingtracker.simulator.Operation.QUERY;
import static io.klingtracker.simulator.Operation.RENDER;
import static io.klingtracker.simulator.Operation.REQUEST;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What goes wrong. On the control port each is an object with its {@code type} and its fields; what
 * is none is an {@link IllegalArgumentException} that names what was wrong. Faults named {@code
 * Then…} strike after the request took effect, which is what makes a create ambiguous.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Fault.Refuse.class, name = "refuse"),
  @JsonSubTypes.Type(value = Fault.Answer.class, name = "answer"),
  @JsonSubTypes.Type(value = Fault.Page.class, name = "page"),
  @JsonSubTypes.Type(value = Fault.Redirect.class, name = "redirect"),
  @JsonSubTypes.Type(value = Fault.Burst.class, name = "burst"),
  @JsonSubTypes.Type(value = Fault.Revoked.class, name = "revoked"),
  @JsonSubTypes.Type(value = Fault.Reset.class, name = "reset"),
  @JsonSubTypes.Type(value = Fault.Delay.class, name = "delay"),
  @JsonSubTypes.Type(value = Fault.Outage.class, name = "outage"),
  @JsonSubTypes.Type(value = Fault.ThenReset.class, name = "then-reset"),
  @JsonSubTypes.Type(value = Fault.ThenAnswer.class, name = "then-answer"),
  @JsonSubTypes.Type(value = Fault.ThenPage.class, name = "then-page"),
  @JsonSubTypes.Type(value = Fault.ThenDelay.class, name = "then-delay"),
  @JsonSubTypes.Type(value = Fault.LeaveOut.class, name = "leave-out"),
  @JsonSubTypes.Type(value = Fault.Nul.class, name = "nul"),
  @JsonSubTypes.Type(value = Fault.TextNumbers.class, name = "text-numbers"),
  @JsonSubTypes.Type(value = Fault.NumberIds.class, name = "number-ids"),
  @JsonSubTypes.Type(value = Fault.OddDeduction.class, name = "odd-deduction"),
  @JsonSubTypes.Type(value = Fault.ByteOrderMark.class, name = "byte-order-mark"),
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

  /** Of waits, in ms: an hour. */
  long MAX_MILLIS = 3_600_000;

  /** Of repetitions. */
  int MAX_TIMES = 1000;

  /** Refused with an error body of Kling's; no effect. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "refused with an error body of Kling's; no effect")
  record Refuse(int status, int code, String message) implements Fault {
    public Refuse {
      range("status", status, 200, 599);
    }
  }

  /** Answered with these very bytes, without body with none; no effect. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "answered with these very bytes, without `body` with none; no effect")
  record Answer(int status, @Nullable String body) implements Fault {
    public Answer {
      range("status", status, 200, 599);
    }
  }

  /**
   * Answered with a gateway's own HTML page; no effect. 404 on list is a host without this route.
   */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says =
          "answered with a gateway's own HTML page; no effect. `404` on `list` is a host without this route")
  record Page(int status) implements Fault {
    public Page {
      range("status", status, 200, 599);
    }
  }

  /** Sent elsewhere; no effect. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "sent elsewhere; no effect")
  record Redirect(int status, String location) implements Fault {
    public Redirect {
      range("status", status, 300, 399);
    }
  }

  /** Of each every matches the last length are refused with 1303; no effect. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "of each `every` matches the last `length` are refused with 1303; no effect")
  record Burst(int length, int every) implements Fault {
    public Burst {
      range("length", length, 1, MAX_TIMES);
      range("every", every, length, MAX_TIMES);
    }
  }

  /** Refused where it is sent with this credential, api-key or key-pair: 1002 or 1000. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "refused where it is sent with this credential, `api-key` or `key-pair`: 1002 or 1000")
  record Revoked(String credential) implements Fault {
    public Revoked {
      word("credential", credential, "api-key", "key-pair");
    }
  }

  /** The connection is reset; no effect. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "the connection is reset; no effect")
  record Reset() implements Fault {}

  /** Waits before it takes effect; 90000 is above every limit of the service's. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST, CALLBACK},
      says = "waits before it takes effect; 90000 is above every limit of the service's")
  record Delay(long millis) implements Fault {
    public Delay {
      range("millis", millis, 0, MAX_MILLIS);
    }
  }

  /** Nobody listens for so long, beginning with this request; no effect. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "nobody listens for so long, beginning with this request; no effect")
  record Outage(long millis) implements Fault {
    public Outage {
      range("millis", millis, 0, MAX_MILLIS);
    }
  }

  /** Takes effect, then the connection is reset. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "takes effect, then the connection is reset")
  record ThenReset() implements Fault {}

  /** Takes effect, is answered with these very bytes, without body with none. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "takes effect, is answered with these very bytes, without `body` with none")
  record ThenAnswer(int status, @Nullable String body) implements Fault {
    public ThenAnswer {
      range("status", status, 200, 599);
    }
  }

  /** Takes effect, is answered with a gateway's own HTML page. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "takes effect, is answered with a gateway's own HTML page")
  record ThenPage(int status) implements Fault {
    public ThenPage {
      range("status", status, 200, 599);
    }
  }

  /**
   * Takes effect at once, is answered so much later; 90000 is above every limit of the service's.
   */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says =
          "takes effect at once, is answered so much later; 90000 is above every limit of the service's")
  record ThenDelay(long millis) implements Fault {
    public ThenDelay {
      range("millis", millis, 0, MAX_MILLIS);
    }
  }

  /** This share of tasks, always the same ones, is neither listed nor found. */
  @Strikes(
      on = {QUERY, LIST},
      says = "this share of tasks, always the same ones, is neither listed nor found")
  record LeaveOut(double share) implements Fault {
    public LeaveOut {
      fraction(share);
    }
  }

  /** Messages in the body, and a field that nobody knows, hold U+0000. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST, CALLBACK},
      says = "messages in the body, and a field that nobody knows, hold U+0000")
  record Nul() implements Fault {}

  /** Every number in the body is a text. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST, CALLBACK},
      says = "every number in the body is a text")
  record TextNumbers() implements Fault {}

  /** Ids of digits in the body are numbers. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST, CALLBACK},
      says = "ids of digits in the body are numbers")
  record NumberIds() implements Fault {}

  /** The deduction in the body is this text. */
  @Strikes(
      on = {QUERY, LIST, CALLBACK},
      says = "the deduction in the body is this text")
  record OddDeduction(String units) implements Fault {
    public OddDeduction {
      text("units", units);
    }
  }

  /** The answer begins with a byte order mark and calls itself text/plain. */
  @Strikes(
      on = {CREATE, QUERY, LIST, REQUEST},
      says = "the answer begins with a byte order mark and calls itself text/plain")
  record ByteOrderMark() implements Fault {}

  /** The task reaches this status and calls back before the create is answered. */
  @Strikes(
      on = CREATE,
      says = "the task reaches this status and calls back before the create is answered")
  record CallbackFirst(String status) implements Fault {
    public CallbackFirst {
      word("status", status, "submitted", "processing", "succeed", "failed");
    }
  }

  /** The task will fail, for this reason. */
  @Strikes(on = RENDER, says = "the task will fail, for this reason")
  record RenderFails(String message) implements Fault {
    public RenderFails {
      text("message", message);
    }
  }

  /** The task starts and ends so long after its creation. */
  @Strikes(on = RENDER, says = "the task starts and ends so long after its creation")
  record RenderTakes(long submittedMillis, long totalMillis) implements Fault {
    public RenderTakes {
      range("submittedMillis", submittedMillis, 0, MAX_MILLIS);
      range("totalMillis", totalMillis, 0, MAX_MILLIS);
    }
  }

  /** Never sent. */
  @Strikes(on = CALLBACK, says = "never sent")
  record Drop() implements Fault {}

  /** Sent so many times. */
  @Strikes(on = CALLBACK, says = "sent so many times")
  record Repeat(int times) implements Fault {
    public Repeat {
      range("times", times, 1, MAX_TIMES);
    }
  }

  /** Changes places with the task's next. */
  @Strikes(on = CALLBACK, says = "changes places with the task's next")
  record Swap() implements Fault {}

  /** Tells of this status instead of the true one. */
  @Strikes(on = CALLBACK, says = "reports this status instead of the true one")
  record Forge(String status) implements Fault {
    public Forge {
      text("status", status);
    }
  }

  /** Is followed by one that reports this status. */
  @Strikes(on = CALLBACK, says = "is followed by one that reports this status")
  record Contradict(String status) implements Fault {
    public Contradict {
      text("status", status);
    }
  }

  /** Has the shape of the other generation. */
  @Strikes(on = CALLBACK, says = "has the shape of the other generation")
  record OtherDialect() implements Fault {}

  /** Comes inside the code and data of an answer. */
  @Strikes(on = CALLBACK, says = "comes inside the `code` and `data` of an answer")
  record Envelope() implements Fault {}

  /** Has this very body. */
  @Strikes(on = CALLBACK, says = "has this very body")
  record RawBody(String body) implements Fault {
    public RawBody {
      given("body", body);
    }
  }

  /** Is signed with a key that nobody knows. */
  @Strikes(on = CALLBACK, says = "is signed with a key that nobody knows")
  record WrongSignature() implements Fault {}

  /** Comes without signature although there is a secret. */
  @Strikes(on = CALLBACK, says = "comes without signature although there is a secret")
  record Unsigned() implements Fault {}

  private static void range(String name, long value, long from, long to) {
    if (value < from || value > to) {
      throw new IllegalArgumentException(
          name + " must be " + from + " to " + to + ", not " + value);
    }
  }

  private static void fraction(double share) {
    if (!(share >= 0 && share <= 1)) {
      throw new IllegalArgumentException("share must be 0 to 1, not " + share);
    }
  }

  private static void given(String name, @Nullable String value) {
    if (value == null) {
      throw new IllegalArgumentException(name + " is missing");
    }
  }

  private static void text(String name, @Nullable String value) {
    given(name, value);
    if (String.valueOf(value).isBlank()) {
      throw new IllegalArgumentException(name + " must not be empty");
    }
  }

  private static void word(String name, String value, String... known) {
    if (!Arrays.asList(known).contains(value)) {
      throw new IllegalArgumentException(
          name + " must be one of " + String.join(", ", known) + ", not " + value);
    }
  }
}
