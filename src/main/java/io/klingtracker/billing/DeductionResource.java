package io.klingtracker.billing;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.AccountCurrencies;
import io.klingtracker.task.Cost;
import io.klingtracker.tenant.Admin;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.KlingAccounts;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** What Kling took beside what we think that it took. */
@Path("/admin/v1/accounts/{name}/deductions")
@Produces(MediaType.APPLICATION_JSON)
public class DeductionResource {

  private static final int DEFAULT_LIMIT = 100;
  private static final int MAX_LIMIT = 1000;

  private final KlingAccounts accounts;
  private final AccountCurrencies currencies;
  private final BillingStore store;

  @Inject
  DeductionResource(KlingAccounts accounts, AccountCurrencies currencies, BillingStore store) {
    this.accounts = accounts;
    this.currencies = currencies;
    this.store = store;
  }

  /**
   * A difference.
   *
   * @param side {@code kling} for what no task of ours explains, {@code ours} for what Kling does
   *     not list, {@code different} for what both have
   * @param kling what Kling took; null where it lists nothing
   * @param ours what the task was charged; null without a task
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Line(
      String side,
      String klingTaskId,
      @Nullable String taskId,
      @Nullable String tenant,
      @Nullable Cost kling,
      @Nullable Cost ours,
      String at) {}

  /**
   * A report.
   *
   * @param from of which time; null while nothing was read
   * @param failure why Kling's lists were not read whole the last time; null when they were
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Report(
      String account,
      @Nullable String from,
      @Nullable String to,
      @Nullable String failure,
      List<Line> unmatched) {}

  /** Of the time that was read last, and is an hour old at least. */
  @GET
  @Admin
  @Operation(summary = "What Kling took that no task explains, and the reverse")
  public Report report(
      @PathParam("name") String name,
      @QueryParam("from") @Nullable String from,
      @QueryParam("to") @Nullable String to,
      @QueryParam("limit") @Nullable String limit) {
    int most = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    Instant since = Parameters.time("from", from);
    Instant until = Parameters.time("to", to);
    if (accounts.one(name).isEmpty()) {
      throw new ProblemException(ErrorCode.NOT_FOUND, "no account is called " + name);
    }
    BillingStore.Round round = store.round(name).orElse(null);
    Deductions.Span span = Deductions.settled(round);
    String failure = round == null ? null : round.failure();
    if (span == null) {
      return new Report(name, null, null, failure, List.of());
    }
    Instant begin = Objects.requireNonNullElse(since, span.from());
    Instant end = Objects.requireNonNullElse(until, span.to());
    if (begin.isBefore(span.from())) {
      begin = span.from();
    }
    if (end.isAfter(span.to())) {
      end = span.to();
    }
    return new Report(
        name,
        Rfc3339.format(begin),
        Rfc3339.format(end),
        failure,
        begin.isBefore(end)
            ? store.unmatched(name, begin, end, most).stream()
                .map(line -> line(line, currencies.of(name)))
                .toList()
            : List.of());
  }

  private static Line line(BillingStore.Line line, String usual) {
    return new Line(
        line.side(),
        line.klingTaskId(),
        line.taskId(),
        line.tenant(),
        cost(line.units(), line.amount(), Objects.requireNonNullElse(line.currency(), usual)),
        cost(line.ourUnits(), line.ourAmount(), line.ourCurrency()),
        Rfc3339.format(line.at()));
  }

  private static @Nullable Cost cost(
      @Nullable BigDecimal units, @Nullable BigDecimal amount, @Nullable String currency) {
    return units == null && amount == null
        ? null
        : Cost.charged(units, amount, amount == null ? null : currency);
  }
}
