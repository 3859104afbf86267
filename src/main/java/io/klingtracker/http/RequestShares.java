package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Entry;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Refusal;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Duration;

/**
 * Shares what {@link Admission} lets in between tenants, as soon as the key says whose it is: one
 * tenant's requests, however slowly their bodies come or their answers are made, leave places for
 * the others'.
 */
@ApplicationScoped
class RequestShares {

  private static final Duration RETRY = Duration.ofSeconds(1);

  private final Refusals refusals;
  private final Share submissions;
  private final Share reads;

  @Inject
  RequestShares(HttpConfig config, Refusals refusals, Shares shares) {
    this.refusals = refusals;
    this.submissions = shares.of(bound("submissions", config.maxSubmissions()));
    this.reads = shares.of(bound("reads", config.maxReads()));
  }

  private static Bound bound(String name, int most) {
    return Bound.brief(name, name + " under way", most, ErrorCode.UNAVAILABLE, RETRY);
  }

  void register(@Observes Filters filters) {
    filters.register(this::enter, FilterOrder.SHARE);
  }

  void enter(RoutingContext call) {
    Place place = Place.of(call);
    if (place == null || ReadContext.isSecondPass(call)) {
      call.next();
      return;
    }
    Share share = place.isRead() ? reads : submissions;
    Entry entry = share.enter(RequestTenant.of(call), 1);
    if (entry instanceof Permit permit) {
      place.holds(permit);
      call.next();
    } else if (entry instanceof Refusal refusal) {
      refusals.refuse(call, refusal.problem(), refusal.bound().name());
    }
  }
}
