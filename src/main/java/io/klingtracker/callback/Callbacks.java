package io.klingtracker.callback;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingReader;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.tracking.CallbackTarget;
import io.klingtracker.tracking.CheckPlan;
import io.klingtracker.tracking.CheckRequested;
import io.klingtracker.tracking.KlingWords;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Decides what a callback is worth: authenticates it, keeps it, and lets it change what it may
 * change.
 */
@Singleton
class Callbacks {

  /** The answer that the sender gets. */
  enum Verdict {
    ACCEPTED,
    FORGED,
    UNREADABLE
  }

  private final CallbackTarget target;
  private final ReceiptStore receipts;
  private final Tasks tasks;
  private final CheckPlan checks;
  private final Event<CheckRequested> checkRequested;
  private final CallbackConfig.Verify verify;
  private final ObjectMapper json;
  private final Clock clock;
  private final Map<String, WebhookSignature> signatures = new HashMap<>();

  @Inject
  Callbacks(
      CallbackTarget target,
      ReceiptStore receipts,
      Tasks tasks,
      CheckPlan checks,
      Event<CheckRequested> checkRequested,
      CallbackConfig config,
      KlingConfig kling,
      ObjectMapper json,
      Clock clock) {
    this.target = target;
    this.receipts = receipts;
    this.tasks = tasks;
    this.checks = checks;
    this.checkRequested = checkRequested;
    this.verify = config.verify();
    this.json = json;
    this.clock = clock;
    kling
        .accounts()
        .forEach(
            (name, account) ->
                account
                    .webhookSecrets()
                    .ifPresent(
                        secrets ->
                            signatures.put(
                                name, new WebhookSignature(secrets, config.tolerance()))));
  }

  /** Takes one callback; whatever it answers is durable. */
  Verdict receive(String taskId, String token, CallbackHeaders headers, byte[] body) {
    if (!target.isToken(taskId, token)) {
      return Verdict.FORGED;
    }
    boolean signed = false;
    if (!signatures.isEmpty()) {
      Optional<WebhookSignature> signature = receipts.account(taskId).map(signatures::get);
      if (signature.isPresent()) {
        signed =
            signature
                .get()
                .proves(
                    headers.id(), headers.timestamp(), headers.signature(), body, clock.instant());
        if (!signed) {
          return Verdict.FORGED;
        }
      }
    }
    Optional<KlingNews> said = read(body);
    if (said.isEmpty()) {
      receipts.keep(taskId, body, json(headers), signed, "unreadable");
      return Verdict.UNREADABLE;
    }
    judge(taskId, said.get(), signed, json(headers), body);
    return Verdict.ACCEPTED;
  }

  private void judge(String taskId, KlingNews said, boolean signed, String headers, byte[] body) {
    String named = said.externalTaskId();
    if (named != null && !named.isEmpty() && !named.equals(taskId)) {
      receipts.keep(taskId, body, headers, signed, "other-task");
      tasks.note(taskId, Source.CALLBACK, said.word(), "other-task", "it names " + named);
    } else if (said.status() == KlingStatus.UNKNOWN) {
      receipts.keep(taskId, body, headers, signed, "not-understood");
      tasks.note(taskId, Source.CALLBACK, said.word(), "not-understood", said.message());
    } else if (said.status().isFinal() && needsProof(signed)) {
      receipts.keep(taskId, body, headers, signed, "to-confirm");
      if (receipts.checkNow(taskId)) {
        tasks.note(
            taskId, Source.CALLBACK, said.word(), "to-confirm", "asking Kling before it counts");
        checkRequested.fire(new CheckRequested(taskId));
      } else {
        KlingWords.toNews(taskId, Source.CALLBACK, said, null).ifPresent(this::noteAgainstFinal);
      }
    } else {
      receipts.keep(taskId, body, headers, signed, "applied");
      KlingWords.toNews(taskId, Source.CALLBACK, said, checks.first()).ifPresent(tasks::apply);
    }
  }

  /**
   * Nobody asks Kling about this task, so it has ended, and an unproved word may only be noted
   * beside the end.
   */
  private void noteAgainstFinal(io.klingtracker.task.News news) {
    tasks.note(
        news.taskId(), Source.CALLBACK, news.word(), "repeated", "the task has ended already");
  }

  private boolean needsProof(boolean signed) {
    return switch (verify) {
      case ALWAYS -> true;
      case UNSIGNED -> !signed;
      case NEVER -> false;
    };
  }

  private static Optional<KlingNews> read(byte[] body) {
    try {
      return KlingReader.task(KlingReader.parse(body));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private String json(CallbackHeaders headers) {
    try {
      return json.writeValueAsString(headers);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("headers are plain text", e);
    }
  }
}
