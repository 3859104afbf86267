package io.klingtracker.klingapi;

import io.klingtracker.http.WaitingRequest;
import io.klingtracker.json.Body;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.PassthroughAnswer;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.rules.SyncPath;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.klingtracker.tenant.CountedCalls;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import org.jboss.logging.Logger;

/**
 * Passes synchronous calls on to Kling and its answers back: no task, no row, and no thread that
 * waits. Size is bounded before, time and the answer's size by the client, their number here,
 * shared by tenants.
 */
@Singleton
class Passthrough {

  private static final Logger LOG = Logger.getLogger(Passthrough.class);
  private static final Duration RETRY = Duration.ofSeconds(1);

  private final KlingClient kling;
  private final CountedCalls calls;
  private final ExecutorService executor;
  private final String account;
  private final Share underWay;
  private final WaitingRequest request;

  @Inject
  Passthrough(
      KlingClient kling,
      KlingConfig accounts,
      ApiConfig config,
      Shares shares,
      WaitingRequest request,
      CountedCalls calls,
      ExecutorService executor) {
    this.request = request;
    this.kling = kling;
    this.calls = calls;
    this.executor = executor;
    // Faces and selections of such calls live in one account, so it is always the same.
    this.account = new TreeSet<>(accounts.accounts().keySet()).first();
    this.underWay =
        shares.of(
            Bound.brief(
                "passed-calls",
                "calls that wait for Kling",
                config.maxPassedAtOnce(),
                ErrorCode.RATE_LIMITED,
                RETRY));
  }

  CompletionStage<Response> forward(String tenant, SyncPath path, Body body) {
    Permit place = underWay.enter(tenant, 1).orThrow();
    try {
      // In the request's own thread, which may wait for the database.
      CountedCalls.Call call = calls.count(path.path(), path.units());
      // Kling's time is no thread of ours.
      request.begin();
      return kling
          .pass(account, "/v1/" + path.path(), body.text())
          .thenCompose(answer -> settled(call, answer))
          .whenComplete((answer, failure) -> place.close())
          .thenApply(this::answer);
    } catch (RuntimeException e) {
      place.close();
      throw e;
    }
  }

  /** What Kling refused costs nothing; a call without an answer may have been made. */
  private CompletionStage<PassthroughAnswer> settled(
      CountedCalls.Call call, PassthroughAnswer answer) {
    if (!(answer instanceof PassthroughAnswer.Answered given) || given.code() <= 0) {
      return CompletableFuture.completedFuture(answer);
    }
    return CompletableFuture.runAsync(call::refused, executor)
        .exceptionally(
            failure -> {
              LOG.warnf("a refused call stays counted: %s", failure.getMessage());
              return null;
            })
        .thenApply(done -> answer);
  }

  private Response answer(PassthroughAnswer answer) {
    if (answer instanceof PassthroughAnswer.Answered given && !given.isOurs()) {
      return Response.status(given.status())
          .type(MediaType.APPLICATION_JSON_TYPE)
          .entity(given.body())
          .build();
    }
    if (answer instanceof PassthroughAnswer.Answered ours) {
      LOG.errorf("account=%s errorCode=%d refused by Kling on a passed call", account, ours.code());
    }
    throw new ProblemException(
        ErrorCode.UPSTREAM_FAILED,
        answer instanceof PassthroughAnswer.NoAnswer none
            ? "Kling gave no answer: " + none.reason()
            : "Kling refuses the service's account; its operator has to see to it");
  }
}
