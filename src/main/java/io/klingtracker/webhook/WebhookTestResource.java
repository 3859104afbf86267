package io.klingtracker.webhook;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.klingtracker.egress.AttemptResult;
import io.klingtracker.egress.Failure;
import io.klingtracker.egress.RefusedTargetException;
import io.klingtracker.egress.TargetPolicy;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import io.smallrye.common.annotation.Blocking;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import org.eclipse.microprofile.context.ManagedExecutor;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** One signed webhook to a URL of the caller's, sent immediately, as Kling's console does it. */
@Path("/v1/webhooks/test")
@Produces(MediaType.APPLICATION_JSON)
public class WebhookTestResource {

  private static final Logger LOG = Logger.getLogger(WebhookTestResource.class);

  /** A tenant may order one test in this time: it is a post to anywhere. */
  private static final Duration PAUSE = Duration.ofSeconds(1);

  /** Test webhooks that wait for their receivers at a time. */
  private static final int MAX_UNDER_WAY = 32;

  private static final int MAX_TENANTS = 10_000;
  private static final String TEST_TASK = "task_00000000000000000000000000";

  private final WebhookLifecycle lifecycle;
  private final DeliveryQueries queries;
  private final TargetPolicy policy;
  private final CurrentCaller caller;
  private final Clock clock;
  private final ManagedExecutor executor;
  private final Share underWay;
  private final Cache<String, Instant> last;

  /** Where to. */
  @Schema(name = "Order")
  public record TestRequest(@Nullable String url) {}

  /** What came of it. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Result(
      String webhookId,
      boolean delivered,
      @Nullable Integer status,
      @Nullable String error,
      @Nullable String detail,
      long latencyMs,
      @Nullable String answer) {}

  @Inject
  WebhookTestResource(
      WebhookLifecycle lifecycle,
      DeliveryQueries queries,
      TargetPolicy policy,
      CurrentCaller caller,
      Clock clock,
      ManagedExecutor executor,
      Shares shares) {
    this.lifecycle = lifecycle;
    this.queries = queries;
    this.policy = policy;
    this.caller = caller;
    this.clock = clock;
    this.last = Caches.afterWrite(MAX_TENANTS, PAUSE, clock);
    this.executor = executor;
    this.underWay =
        shares.of(
            Bound.brief(
                "webhook-tests", "test webhooks", MAX_UNDER_WAY, ErrorCode.RATE_LIMITED, PAUSE));
  }

  /** Posts a {@code submitted} of a task that does not exist, signed as every webhook is. */
  @POST
  @Needs(Scope.WEBHOOKS)
  @Consumes(MediaType.APPLICATION_JSON)
  @Blocking
  @Operation(summary = "Send a test webhook")
  public CompletionStage<Result> test(@Nullable TestRequest request) {
    String tenant = caller.tenant();
    String url = url(request);
    Instant now = clock.instant();
    notTooOften(tenant, now);
    Permit place = underWay.enter(tenant, 1).orThrow();
    UUID id = UUID.randomUUID();
    String event =
        "{\"task_id\":\"%s\",\"status\":\"submitted\",\"occurred_at\":\"%s\"}"
            .formatted(TEST_TASK, now);
    try {
      return lifecycle
          .sender()
          .sendTest(id.toString(), tenant, url, CallbackBody.of(event, now))
          .whenComplete((result, failure) -> place.close())
          .thenApplyAsync(
              result -> {
                log(id, tenant, url, result);
                return result(id, result);
              },
              executor);
    } catch (RuntimeException e) {
      place.close();
      throw e;
    }
  }

  /** It was sent: what came of it is shown even if it cannot be noted. */
  private void log(UUID id, String tenant, String url, AttemptResult result) {
    try {
      queries.logTest(id, tenant, url, result);
    } catch (RuntimeException e) {
      LOG.warnf("test webhook %s is not in the log of deliveries: %s", id, e.getMessage());
    }
  }

  private String url(@Nullable TestRequest request) {
    String url = request == null ? null : request.url();
    if (url == null) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST, "send {\"url\": \"https://…\"}, the receiver to be tested");
    }
    try {
      policy.read(url);
      return url;
    } catch (RefusedTargetException e) {
      throw new ProblemException(ErrorCode.INVALID_REQUEST, "url " + e.rule());
    }
  }

  private void notTooOften(String tenant, Instant now) {
    if (last.asMap().putIfAbsent(tenant, now) != null) {
      throw new ProblemException(
          ErrorCode.RATE_LIMITED, "one test a second; wait and try again", PAUSE);
    }
  }

  private static Result result(UUID id, AttemptResult result) {
    long latency = result.latency().toMillis();
    if (result instanceof AttemptResult.Answered answered) {
      boolean delivered = answered.status() / 100 == 2;
      return new Result(
          id.toString(),
          delivered,
          answered.status(),
          delivered ? null : Failure.STATUS.wireName(),
          null,
          latency,
          answered.excerpt());
    }
    AttemptResult.Unanswered unanswered = (AttemptResult.Unanswered) result;
    return new Result(
        id.toString(),
        false,
        null,
        unanswered.failure().wireName(),
        unanswered.detail(),
        latency,
        null);
  }
}
