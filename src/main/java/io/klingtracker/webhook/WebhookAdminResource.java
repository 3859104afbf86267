package io.klingtracker.webhook;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Clock;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** The operator's view of all tenants' webhooks, and the way back after an outage. */
@Path("/admin/v1/webhooks")
@Produces(MediaType.APPLICATION_JSON)
public class WebhookAdminResource {

  /** Deliveries put back at once; an order for more is given again. */
  private static final int MAX_AT_ONCE = 5000;

  private final DeliveryLog log;
  private final WebhookLifecycle lifecycle;
  private final Clock clock;

  /**
   * Which failed deliveries to make again.
   *
   * @param since failed at or after this time
   * @param until failed before this time; now if left out
   * @param confirm false or left out to be told the count only
   */
  public record Order(
      @Nullable String since,
      @Nullable String until,
      @Nullable String tenant,
      @Nullable String host,
      @Nullable Boolean confirm) {}

  /** How many there are, and how many are under way again. */
  public record Result(int count, int redelivered) {}

  /** Hosts whose deliveries fail. */
  public record Hosts(List<HostView> hosts) {}

  @Inject
  WebhookAdminResource(DeliveryLog log, WebhookLifecycle lifecycle, Clock clock) {
    this.log = log;
    this.lifecycle = lifecycle;
    this.clock = clock;
  }

  /** Counts what has failed; with {@code confirm}, delivers it again. */
  @POST
  @Path("/redeliver")
  @Consumes(MediaType.APPLICATION_JSON)
  @Operation(summary = "Deliver again what has failed since a time (count first)")
  public Result redeliver(@Nullable Order order) {
    if (order == null || order.since() == null) {
      throw invalid("since is required: an RFC 3339 time such as 2026-01-31T12:00:00.000Z");
    }
    Instant since = time("since", order.since());
    Instant until = order.until() == null ? clock.instant() : time("until", order.until());
    DeliveryLog.Failed failed = new DeliveryLog.Failed(since, until, order.tenant(), order.host());
    int count = log.count(failed);
    if (!Boolean.TRUE.equals(order.confirm())) {
      return new Result(count, 0);
    }
    int redelivered = log.redeliver(failed, MAX_AT_ONCE);
    lifecycle.wake();
    return new Result(count, redelivered);
  }

  /** Hosts whose deliveries fail, paused ones first. */
  @GET
  @Path("/hosts")
  @Operation(summary = "Failing and paused webhook hosts")
  public Hosts hosts(
      @QueryParam("tenant") @Nullable String tenant,
      @QueryParam("paused") @DefaultValue("false") boolean paused) {
    return new Hosts(log.hosts(tenant, paused).stream().map(HostView::of).toList());
  }

  private static Instant time(String name, String value) {
    try {
      return Instant.parse(value);
    } catch (DateTimeParseException e) {
      throw invalid(name + " must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z");
    }
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
