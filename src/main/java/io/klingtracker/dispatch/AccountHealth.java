package io.klingtracker.dispatch;

import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.KlingAccounts;
import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.util.stream.Collectors;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/** What Kling refuses of each account, at {@code /q/health/well}; as of the last count. */
@Wellness
@ApplicationScoped
class AccountHealth implements HealthCheck {

  private final DispatchMetrics metrics;

  @Inject
  AccountHealth(DispatchMetrics metrics) {
    this.metrics = metrics;
  }

  @Override
  public HealthCheckResponse call() {
    HealthCheckResponseBuilder answer = HealthCheckResponse.named("accounts");
    boolean well = true;
    for (KlingAccounts.State account : metrics.accounts()) {
      well &= account.parked().isEmpty();
      answer.withData(
          account.name(),
          account.parked().isEmpty()
              ? "well"
              : account.parked().stream()
                  .map(AccountHealth::describe)
                  .collect(Collectors.joining("; ")));
    }
    return answer.status(well).build();
  }

  /** Kling's words may quote what was sent, so only its code is shown here. */
  private static String describe(KlingAccounts.Parked parked) {
    String what =
        parked.credential() != null
            ? "its " + parked.credential()
            : parked.family() == null
                ? "all of it"
                : parked.model() == null ? parked.family() : parked.family() + " " + parked.model();
    return "%s parked with %s since %s".formatted(what, parked.code(), Rfc3339.format(parked.at()));
  }
}
