package io.klingtracker.tenant;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import jakarta.transaction.Transactional;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What administrators do with tenants; {@link ApiKeys} has their keys. */
@ApplicationScoped
public class Tenants {

  private static final int MAX_MODELS = 100;
  private static final int MAX_WEIGHT = 1000;
  private static final BigDecimal MAX_UNITS = BigDecimal.valueOf(1_000_000_000_000L);

  private static final BigDecimal MAX_QUEUED = BigDecimal.valueOf(Integer.MAX_VALUE);

  private final TenantRepository tenants;
  private final KeyAuthenticator authenticator;
  private final Clock clock;
  private final SortedSet<String> accounts;

  /**
   * A tenant's settings; null is no limit.
   *
   * @param maxQueued tasks that may wait for dispatch
   * @param unitsPerDay units of a day, UTC
   * @param unitsPerMonth units of a month, UTC
   * @param amountPerMonth money of a month, UTC, in the currency of Kling's price list
   * @param weight share of slots beside other tenants that wait for the same ones; null is 1
   * @param models public model name to Kling's, on top of the configured
   * @param trackAccounts Kling accounts on which tasks of other programs may be watched; null is
   *     all of them while the tenant is the only one, and none otherwise
   * @param retention how long ended tasks are kept, 1 hour to 36,500 days; null is as configured
   * @param suspended whether nobody of the tenant may do anything
   */
  public record Settings(
      String name,
      @Nullable Integer maxQueued,
      @Nullable BigDecimal unitsPerDay,
      @Nullable BigDecimal unitsPerMonth,
      @Nullable BigDecimal amountPerMonth,
      @Nullable Integer weight,
      Map<String, String> models,
      @Nullable List<String> trackAccounts,
      @Nullable Duration retention,
      boolean suspended) {}

  /**
   * A tenant.
   *
   * @param trackAccounts as they are now, decided or not
   * @param deleting whether it is being deleted
   */
  public record TenantInfo(
      String id,
      Settings settings,
      List<String> trackAccounts,
      boolean deleting,
      Instant createdAt) {}

  @Inject
  Tenants(
      TenantRepository tenants, KeyAuthenticator authenticator, Clock clock, KlingConfig kling) {
    this.accounts = new TreeSet<>(kling.accounts().keySet());
    this.tenants = tenants;
    this.authenticator = authenticator;
    this.clock = clock;
  }

  /** By id, after {@code after}. */
  @Transactional
  public List<TenantInfo> page(String after, int limit) {
    boolean alone = isAlone();
    return tenants.page(after, limit).stream().map(tenant -> known(tenant, alone)).toList();
  }

  /** One tenant. */
  @Transactional
  public TenantInfo get(String id) {
    return known(tenants.one(id));
  }

  /** Makes a tenant. */
  @Transactional
  public TenantInfo create(@Nullable String id, Settings settings) {
    if (id == null || !Tenant.isId(id)) {
      throw SettingChecks.invalid(
          "id must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit");
    }
    Instant now = clock.instant();
    apply(new Tenant(id, settings.name(), now), settings);
    tenants.keepTheOnlyOnesAccounts(accounts);
    if (!tenants.insert(id, settings.name(), now)) {
      throw new ProblemException(ErrorCode.CONFLICT, "there is a tenant " + id);
    }
    Tenant tenant = tenants.oneLocked(id);
    apply(tenant, settings);
    return known(tenant);
  }

  /**
   * Changes a tenant's settings; felt by all replicas within {@code tracker.keys.cache}.
   *
   * @param change makes the new settings of those before, which nobody changes meanwhile
   */
  @Transactional
  public TenantInfo change(String id, UnaryOperator<Settings> change) {
    Tenant tenant = tenants.oneThatStays(id);
    apply(tenant, change.apply(settings(tenant)));
    authenticator.forget();
    return known(tenant);
  }

  /**
   * Suspends a tenant for good, felt by all replicas within {@code tracker.keys.cache}, so that it
   * can be deleted.
   */
  @Transactional
  public void beginDeletion(String id) {
    Tenant tenant = tenants.oneLocked(id);
    Instant now = clock.instant();
    tenant.deletingAt = tenant.deletingAt == null ? now : tenant.deletingAt;
    tenant.suspendedAt = SettingChecks.suspendedAt(tenant.suspendedAt, true, now);
    authenticator.forget();
  }

  private void apply(Tenant tenant, Settings settings) {
    SettingChecks.name(settings.name());
    List<String> granted = settings.trackAccounts();
    if (granted != null && !granted.stream().allMatch(name -> mayHave(tenant, name))) {
      throw SettingChecks.invalid("track_accounts is a list of " + String.join(", ", accounts));
    }
    SettingChecks.between("max_queued", settings.maxQueued(), BigDecimal.ZERO, MAX_QUEUED);
    SettingChecks.between("units_per_day", settings.unitsPerDay(), BigDecimal.ZERO, MAX_UNITS);
    SettingChecks.between("units_per_month", settings.unitsPerMonth(), BigDecimal.ZERO, MAX_UNITS);
    SettingChecks.between(
        "amount_per_month", settings.amountPerMonth(), BigDecimal.ZERO, MAX_UNITS);
    int weight = settings.weight() == null ? 1 : settings.weight();
    if (weight < 1 || weight > MAX_WEIGHT) {
      throw SettingChecks.invalid("weight must be 1 to " + MAX_WEIGHT);
    }
    if (settings.models().size() > MAX_MODELS) {
      throw SettingChecks.invalid("models may name at most " + MAX_MODELS);
    }
    Duration retention = settings.retention();
    SettingChecks.retention(retention);
    tenant.name = settings.name();
    tenant.maxQueued = settings.maxQueued();
    tenant.unitsPerDay = settings.unitsPerDay();
    tenant.unitsPerMonth = settings.unitsPerMonth();
    tenant.amountPerMonth = settings.amountPerMonth();
    tenant.weight = (short) weight;
    tenant.models = settings.models();
    tenant.trackAccounts = granted == null ? null : granted.stream().sorted().distinct().toList();
    tenant.retentionSeconds = retention == null ? null : retention.toSeconds();
    tenant.suspendedAt =
        SettingChecks.suspendedAt(tenant.suspendedAt, settings.suspended(), clock.instant());
  }

  /** An account that is configured no more is no reason to refuse another change. */
  private boolean mayHave(Tenant tenant, String account) {
    return accounts.contains(account)
        || tenant.trackAccounts != null && tenant.trackAccounts.contains(account);
  }

  private static Settings settings(Tenant tenant) {
    return new Settings(
        tenant.name,
        tenant.maxQueued,
        tenant.unitsPerDay,
        tenant.unitsPerMonth,
        tenant.amountPerMonth,
        (int) tenant.weight,
        tenant.models,
        tenant.trackAccounts,
        tenant.retentionSeconds == null ? null : Duration.ofSeconds(tenant.retentionSeconds),
        tenant.suspendedAt != null);
  }

  private boolean isAlone() {
    return tenants.page("", 2).size() < 2;
  }

  private TenantInfo known(Tenant tenant) {
    return known(tenant, isAlone());
  }

  private TenantInfo known(Tenant tenant, boolean alone) {
    List<String> granted = tenant.trackAccounts;
    if (granted == null || granted.contains(KeyStore.ALL_ACCOUNTS)) {
      granted = granted != null || alone ? List.copyOf(accounts) : List.of();
    }
    return new TenantInfo(
        tenant.id, settings(tenant), granted, tenant.deletingAt != null, tenant.createdAt);
  }
}
