package io.klingtracker.custody;

import io.klingtracker.http.WaitingRequest;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;

/**
 * Copies that callers are taking off us: a bound that tenants share, and a time for each. One that
 * is cut is taken up again with {@code Range}.
 */
@Singleton
class Downloads {

  /** Under way on this replica. */
  static final int MAX = 64;

  /** Longest of one. */
  static final Duration LONGEST = Duration.ofMinutes(15);

  private static final Duration COME_BACK = Duration.ofSeconds(5);

  private final Share share;
  private final WaitingRequest request;
  private final CurrentVertxRequest current;
  private final Vertx vertx;

  @Inject
  Downloads(Shares shares, WaitingRequest request, CurrentVertxRequest current, Vertx vertx) {
    this.request = request;
    this.current = current;
    this.vertx = vertx;
    this.share =
        shares.of(Bound.lasting("downloads", "downloads", MAX, ErrorCode.UNAVAILABLE, COME_BACK));
  }

  /**
   * The answer of the request under way is a copy.
   *
   * @throws io.klingtracker.problem.ProblemException when too many are under way, or the tenant has
   *     its share
   */
  void begin(String tenant) {
    RoutingContext call = current.getCurrent();
    Permit permit = share.enter(tenant, 1, () -> cut(call)).orThrow();
    long timer = vertx.setTimer(LONGEST.toMillis(), late -> cut(call));
    call.addEndHandler(
        end -> {
          vertx.cancelTimer(timer);
          permit.close();
        });
    request.begin();
  }

  private static void cut(RoutingContext call) {
    if (call.request().version() == HttpVersion.HTTP_2) {
      call.response().reset();
    } else {
      call.request().connection().close();
    }
  }
}
