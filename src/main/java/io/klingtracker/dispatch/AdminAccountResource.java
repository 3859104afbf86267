package io.klingtracker.dispatch;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.kling.Pack;
import io.klingtracker.kling.ParallelSlots;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.tenant.Admin;
import io.klingtracker.upstream.AccountPacks;
import io.klingtracker.upstream.CallbackStats;
import io.klingtracker.upstream.KlingAccounts;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** The operator's view of the Kling accounts: their slots, what is parked, how callbacks come. */
@Path("/admin/v1/accounts")
@Produces(MediaType.APPLICATION_JSON)
public class AdminAccountResource {

  private final KlingAccounts accounts;
  private final CallbackStats stats;
  private final AccountPacks packs;

  @Inject
  AdminAccountResource(KlingAccounts accounts, CallbackStats stats, AccountPacks packs) {
    this.packs = packs;
    this.accounts = accounts;
    this.stats = stats;
  }

  /** All accounts. */
  public record Listing(List<View> accounts) {}

  /**
   * One account.
   *
   * @param limits slots of each model version by family: a number, or {@code auto}
   * @param models Kling's names of the models that it may use; empty for all
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record View(
      String name,
      int maxParallel,
      Map<String, Object> limits,
      List<String> models,
      int weight,
      boolean paused,
      String breaker,
      List<ParkedView> parked,
      List<KlingAccounts.Slots> slots,
      List<PackView> packs,
      Callbacks callbacks) {

    static View of(
        KlingAccounts.State state, List<AccountPacks.Seen> packs, CallbackStats.Account account) {
      return new View(
          state.name(),
          state.maxParallel(),
          limits(state),
          state.models().stream().sorted().toList(),
          state.weight(),
          state.paused(),
          state.breaker(),
          state.parked().stream().map(ParkedView::of).toList(),
          state.slots(),
          packs.stream().map(PackView::of).toList(),
          new Callbacks(
              account.expected(),
              account.arrived(),
              account.wrong(),
              account.lost(),
              account.medianLeadMillis(),
              account.p99LeadMillis(),
              account.silence()));
    }

    /** A number, or the word for one that is found. */
    private static Map<String, Object> limits(KlingAccounts.State state) {
      Map<String, Object> limits = new TreeMap<>();
      state
          .limits()
          .forEach(
              (family, slots) ->
                  limits.put(family, slots.isAuto() ? ParallelSlots.AUTO : slots.start()));
      return limits;
    }
  }

  /**
   * A resource pack.
   *
   * @param status in Kling's words, such as {@code online}
   * @param remaining units, by a count of Kling's that may be twelve hours old
   * @param seenAt when Kling reported it
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record PackView(
      String id,
      String name,
      String status,
      @Nullable BigDecimal total,
      @Nullable BigDecimal remaining,
      @Nullable Instant effectiveAt,
      @Nullable Instant endsAt,
      Instant seenAt) {

    static PackView of(AccountPacks.Seen seen) {
      Pack pack = seen.pack();
      return new PackView(
          pack.id(),
          pack.name(),
          pack.status(),
          pack.total(),
          pack.remaining(),
          pack.effectiveAt(),
          pack.endsAt(),
          seen.seenAt());
    }
  }

  /** What Kling refuses for now. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record ParkedView(
      @Nullable String credential,
      @Nullable String family,
      @Nullable String model,
      int code,
      String reason,
      Instant at,
      @Nullable Instant probeAt) {

    static ParkedView of(KlingAccounts.Parked parked) {
      return new ParkedView(
          parked.credential(),
          parked.family(),
          parked.model(),
          parked.code(),
          parked.reason(),
          parked.at(),
          parked.probeAt());
    }
  }

  /** How callbacks come; see {@link CallbackStats.Account}. */
  public record Callbacks(
      long expected,
      long arrived,
      long wrong,
      long lost,
      @JsonProperty("median_lead_ms") @Nullable Long medianLeadMillis,
      @JsonProperty("p99_lead_ms") @Nullable Long p99LeadMillis,
      double silence) {}

  /** Every configured account. */
  @GET
  @Admin
  @Operation(summary = "Accounts: slots, parked, callbacks")
  public Listing list() {
    return new Listing(accounts.all().stream().map(this::view).toList());
  }

  /** One account. */
  @GET
  @Admin
  @Path("/{name}")
  @Operation(summary = "One account")
  public View one(@PathParam("name") String name) {
    return accounts.one(name).map(this::view).orElseThrow(() -> unknown(name));
  }

  /** Sends nothing new on it; tasks that run there continue. */
  @POST
  @Admin
  @Path("/{name}/pause")
  @Operation(summary = "Pause an account")
  public View pause(@PathParam("name") String name) {
    if (!accounts.pause(name)) {
      throw unknown(name);
    }
    return one(name);
  }

  /** Takes a pause and every parking back. */
  @POST
  @Admin
  @Path("/{name}/resume")
  @Operation(summary = "Resume an account")
  public View resume(@PathParam("name") String name) {
    if (!accounts.resume(name)) {
      throw unknown(name);
    }
    return one(name);
  }

  private View view(KlingAccounts.State state) {
    return View.of(state, packs.of(state.name()), stats.of(state.name()));
  }

  private static ProblemException unknown(String name) {
    return new ProblemException(ErrorCode.NOT_FOUND, "no account is called " + name);
  }
}
