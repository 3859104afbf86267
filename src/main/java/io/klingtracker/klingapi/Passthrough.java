package io.klingtracker.klingapi;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.catalog.NamedItem;
import io.klingtracker.catalog.SyncPath;
import io.klingtracker.http.WaitingRequest;
import io.klingtracker.json.Body;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.PassthroughAnswer;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.klingtracker.tenant.CountedCalls;
import io.klingtracker.upstream.MadeItems;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Passes synchronous calls on to Kling and its answers back: no task, no row, and no thread that
 * waits. Size is bounded before, time and the answer's size by the client, their number here,
 * shared by tenants.
 */
@Singleton
class Passthrough {

  private static final Logger LOG = Logger.getLogger(Passthrough.class);
  private static final Duration RETRY = Duration.ofSeconds(1);
  private static final ObjectMapper JSON = new ObjectMapper();

  /** So many things of one answer are noted; Kling's largest page of voices. */
  private static final int MAX_NOTED = 1000;

  private final KlingClient kling;
  private final CountedCalls calls;
  private final ExecutorService executor;
  private final MadeItems made;
  private final ChargedCalls charged;
  private final String usual;
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
      MadeItems made,
      ChargedCalls charged,
      ExecutorService executor) {
    this.made = made;
    this.charged = charged;
    this.request = request;
    this.kling = kling;
    this.calls = calls;
    this.executor = executor;
    // What names nothing that one account has.
    this.usual = new TreeSet<>(accounts.accounts().keySet()).first();
    this.underWay =
        shares.of(
            Bound.brief(
                "passed-calls",
                "calls that wait for Kling",
                config.maxPassedAtOnce(),
                ErrorCode.RATE_LIMITED,
                RETRY));
  }

  /**
   * Passes a call on to the account that has what it names.
   *
   * @param granted accounts on which the tenant may use what was not made here
   * @throws ProblemException when it names what is not the tenant's
   */
  CompletionStage<Response> forward(String tenant, Set<String> granted, SyncPath path, Body body) {
    Set<NamedItem> named = NamedItem.in(body.root());
    String place =
        path.use() == SyncPath.Use.DELETES
            ? made.accountToDelete(tenant, granted, named)
            : made.account(tenant, granted, named);
    return forward(
        tenant, path, place == null ? usual : place, "/v1/" + path.path(), body.text(), named);
  }

  /**
   * Forwards a read.
   *
   * @param query of the URL, checked; may be empty
   */
  CompletionStage<Response> read(String tenant, SyncPath path, String query) {
    return forward(
        tenant,
        path,
        usual,
        "/v1/" + path.path() + (query.isEmpty() ? "" : "?" + query),
        null,
        Set.of());
  }

  private CompletionStage<Response> forward(
      String tenant,
      SyncPath path,
      String account,
      String url,
      @Nullable String body,
      Set<NamedItem> named) {
    Permit place = underWay.enter(tenant, 1).orThrow();
    try {
      // In the request's own thread, which may wait for the database.
      CountedCalls.Call call = calls.count(path.path(), path.units());
      // Kling's time is no thread of ours.
      request.begin();
      return kling
          .forward(account, url, body)
          .thenCompose(answer -> settled(call, answer))
          .thenCompose(answer -> noted(tenant, path, account, named, answer))
          .whenComplete((answer, failure) -> place.close())
          .thenApply(answer -> answer(account, answer));
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

  /** Before the caller learns of it, so that what he names next is known to be his. */
  private CompletionStage<PassthroughAnswer> noted(
      String tenant,
      SyncPath path,
      String account,
      Set<NamedItem> named,
      PassthroughAnswer answer) {
    if (!(answer instanceof PassthroughAnswer.Answered given) || given.code() != 0) {
      return CompletableFuture.completedFuture(answer);
    }
    return CompletableFuture.runAsync(() -> note(tenant, path, account, named, given), executor)
        .exceptionally(
            failure -> {
              LOG.warnf(
                  "account=%s tenant=%s what %s made or cost is not noted, and is nobody's: %s",
                  account, tenant, path.path(), failure.getMessage());
              return null;
            })
        .thenApply(done -> answer);
  }

  private void note(
      String tenant,
      SyncPath path,
      String account,
      Set<NamedItem> named,
      PassthroughAnswer.Answered answer) {
    JsonNode whole = read(answer);
    JsonNode data = whole.path("data");
    switch (path.use()) {
      case MAKES -> {
        Set<NamedItem> fresh = NamedItem.among(data, MAX_NOTED);
        fresh.addAll(NamedItem.media(data.path("task_result")));
        fresh.removeAll(named);
        made.remember(account, tenant, fresh);
      }
      case LISTS_PRESETS -> made.remember(account, null, NamedItem.presets(data, MAX_NOTED));
      case DELETES -> made.forget(tenant, named);
    }
    if (path.units().signum() > 0) {
      charged.remember(account, whole);
    }
  }

  private static JsonNode read(PassthroughAnswer.Answered answer) {
    try {
      return JSON.readTree(answer.body());
    } catch (IOException e) {
      throw new UncheckedIOException("an answer that cannot be read", e);
    }
  }

  private static Response answer(String account, PassthroughAnswer answer) {
    if (answer instanceof PassthroughAnswer.Answered given && !given.isOurs()) {
      return Response.status(given.status())
          .type(MediaType.APPLICATION_JSON_TYPE)
          .entity(given.body())
          .build();
    }
    if (answer instanceof PassthroughAnswer.Answered ours) {
      LOG.errorf(
          "account=%s errorCode=%d refused by Kling on a forwarded call", account, ours.code());
    }
    throw new ProblemException(
        ErrorCode.UPSTREAM_FAILED,
        answer instanceof PassthroughAnswer.NoAnswer none
            ? "Kling gave no answer: " + none.reason()
            : "Kling refuses the service's account; its operator has to see to it");
  }
}
