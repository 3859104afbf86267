package io.klingtracker.callback;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingReader;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * Takes callbacks whose token is right: checks the signature, and has them stored; neither Kling
 * nor a lock is in the way of the answer.
 */
@Singleton
class CallbackIntake {

  private static final String ACCEPTED = "accepted";
  private static final String UNREADABLE = "unreadable";
  private static final String REMOVED = "removed";
  private static final String FORGED = "forged";

  private final ReceiptStore receipts;
  private final ReceiptWriter writer;
  private final ObjectMapper json;
  private final Clock clock;
  private final MeterRegistry meters;
  private final Map<String, KlingSignature> signatures;

  /** The account of every task, where there is but one. */
  private final Optional<String> onlyAccount;

  @Inject
  CallbackIntake(
      ReceiptStore receipts,
      ReceiptWriter writer,
      KlingConfig kling,
      ObjectMapper json,
      Clock clock,
      MeterRegistry meters) {
    this.receipts = receipts;
    this.writer = writer;
    this.json = json;
    this.clock = clock;
    this.meters = meters;
    this.onlyAccount =
        kling.accounts().size() == 1
            ? kling.accounts().keySet().stream().findAny()
            : Optional.empty();
    this.signatures = KlingSignature.of(kling);
    List.of(ACCEPTED, UNREADABLE, REMOVED, FORGED).forEach(this::received);
  }

  /**
   * Takes one callback.
   *
   * @return ends when it is durable, or with a {@link ProblemException}; of a task that is no more
   *     nothing is kept
   * @throws ProblemException when it is not authentic
   */
  CompletionStage<Void> receive(String taskId, CallbackHeaders headers, byte[] body) {
    boolean signed = isSigned(taskId, headers, body);
    KlingNews news = KlingReader.callback(body).orElse(null);
    Receipt receipt = Receipt.of(taskId, body, json(headers), signed, news, clock.instant());
    return writer
        .keep(receipt)
        .thenAccept(
            kept -> {
              String verdict = news == null ? UNREADABLE : ACCEPTED;
              count(kept ? verdict : REMOVED);
              if (kept && news == null) {
                throw new ProblemException(ErrorCode.INVALID_REQUEST, "not JSON, or no task in it");
              }
            });
  }

  private boolean isSigned(String taskId, CallbackHeaders headers, byte[] body) {
    if (signatures.isEmpty()) {
      return false;
    }
    Optional<KlingSignature> signature =
        onlyAccount.or(() -> receipts.account(taskId)).map(signatures::get);
    if (signature.isEmpty()) {
      return false;
    }
    if (!signature
        .get()
        .proves(headers.id(), headers.timestamp(), headers.signature(), body, clock.instant())) {
      throw forged("the signature is missing, wrong or too old");
    }
    return true;
  }

  /** A refusal, counted: somebody calls who does not know what only Kling knows. */
  ProblemException forged(String why) {
    count(FORGED);
    return new ProblemException(ErrorCode.AUTHORIZATION_INVALID, why);
  }

  private void count(String verdict) {
    received(verdict).increment();
  }

  private Counter received(String verdict) {
    return Counter.builder("tracker.callbacks.received")
        .description("Callbacks by what became of them")
        .tag("verdict", verdict)
        .register(meters);
  }

  private String json(CallbackHeaders headers) {
    try {
      return json.writeValueAsString(headers.kept());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("headers are plain text", e);
    }
  }
}
