package io.klingtracker.tenant;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Secrets;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import jakarta.transaction.Transactional;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What administrators do with tenants and keys. */
@ApplicationScoped
public class Tenants {

  private static final int MAX_NAME = 200;
  private static final int MAX_MODELS = 100;
  private static final int MAX_WEIGHT = 1000;
  private static final BigDecimal MAX_UNITS = BigDecimal.valueOf(1_000_000_000_000L);

  private static final BigDecimal MAX_QUEUED = BigDecimal.valueOf(Integer.MAX_VALUE);

  /** Requests a second: one in a quarter of an hour, up to more than a replica answers. */
  private static final BigDecimal MIN_RATE = new BigDecimal("0.001");

  private static final BigDecimal MAX_RATE = BigDecimal.valueOf(1_000_000L);

  /** Keys of one tenant, or of administrators, that have not ended; lists show as many. */
  private static final int MAX_KEYS = 500;

  private final TenantRepository tenants;
  private final ApiKeyRepository keys;
  private final KeyAuthenticator authenticator;
  private final Secrets secrets;
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
      boolean suspended) {}

  /**
   * A tenant.
   *
   * @param trackAccounts as they are now, decided or not
   */
  public record TenantInfo(
      String id, Settings settings, List<String> trackAccounts, Instant createdAt) {}

  /**
   * What a key may do.
   *
   * @param scopes of {@code submit}, {@code read}, {@code webhooks}
   * @param rate requests a second; null takes the configured
   * @param burst requests at once; null takes the configured
   * @param expiresAt its end; null for none
   * @param suspended whether nobody may do anything with it
   */
  public record KeySettings(
      String name,
      Set<String> scopes,
      @Nullable BigDecimal rate,
      @Nullable Integer burst,
      @Nullable Instant expiresAt,
      boolean suspended) {}

  /** A key without its secrets; administrators' keys have no pair, scopes or rate. */
  public record KeyInfo(
      UUID id,
      String prefix,
      @Nullable String accessKey,
      KeySettings settings,
      Instant createdAt,
      @Nullable Instant revokedAt,
      @Nullable Instant lastUsedAt) {}

  /** A key just made: the only time its secrets are shown. */
  public record CreatedKey(KeyInfo key, String apiKey, @Nullable String secretKey) {
    @Override
    public String toString() {
      return "CreatedKey[" + key.prefix() + "…]";
    }
  }

  @Inject
  Tenants(
      TenantRepository tenants,
      ApiKeyRepository keys,
      KeyAuthenticator authenticator,
      Secrets secrets,
      Clock clock,
      KlingConfig kling) {
    this.accounts = new TreeSet<>(kling.accounts().keySet());
    this.tenants = tenants;
    this.keys = keys;
    this.authenticator = authenticator;
    this.secrets = secrets;
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
    return known(find(id));
  }

  /** Makes a tenant. */
  @Transactional
  public TenantInfo create(@Nullable String id, Settings settings) {
    if (id == null || !Tenant.isId(id)) {
      throw invalid("id must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit");
    }
    Instant now = clock.instant();
    apply(new Tenant(id, settings.name(), now), settings);
    tenants.keepTheOnlyOnesAccounts(accounts);
    if (!tenants.insert(id, settings.name(), now)) {
      throw new ProblemException(ErrorCode.CONFLICT, "there is a tenant " + id);
    }
    Tenant tenant = tenants.locked(id).orElseThrow(Tenants::noTenant);
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
    Tenant tenant = tenants.locked(Tenant.isId(id) ? id : "").orElseThrow(Tenants::noTenant);
    apply(tenant, change.apply(settings(tenant)));
    authenticator.forget();
    return known(tenant);
  }

  /** A tenant's keys, newest first. */
  @Transactional
  public List<KeyInfo> keys(String tenant) {
    return keys.page(find(tenant).id, MAX_KEYS).stream().map(Tenants::known).toList();
  }

  /** Makes a key with its pair. */
  @Transactional
  public CreatedKey createKey(String tenant, KeySettings settings) {
    Tenant owner = tenants.locked(Tenant.isId(tenant) ? tenant : "").orElseThrow(Tenants::noTenant);
    checkRoom(keys.live(owner.id, clock.instant()));
    String apiKey = KeyFormat.API.make();
    String secretKey = KeyFormat.API.make().substring(3);
    ApiKey key =
        new ApiKey(
            UUID.randomUUID(),
            owner.id,
            settings.name(),
            KeyFormat.shown(apiKey),
            KeyFormat.hash(apiKey),
            KeyFormat.ACCESS.make(),
            secrets.seal(secretKey.getBytes(StandardCharsets.UTF_8)),
            clock.instant());
    apply(key, settings);
    keys.persist(key);
    return new CreatedKey(known(key), apiKey, secretKey);
  }

  /**
   * Changes what a key may do; felt by all replicas within {@code tracker.keys.cache}.
   *
   * @param change makes the new settings of those before, which nobody changes meanwhile
   */
  @Transactional
  public KeyInfo changeKey(String tenant, UUID id, UnaryOperator<KeySettings> change) {
    ApiKey key = keys.locked(tenant, id).orElseThrow(Tenants::noKey);
    if (key.revokedAt != null) {
      throw revoked();
    }
    apply(key, change.apply(settings(key)));
    authenticator.forget();
    return known(key);
  }

  /** Ends a key for good; felt by all replicas within {@code tracker.keys.cache}. */
  @Transactional
  public KeyInfo revokeKey(String tenant, UUID id) {
    return revoke(keys.locked(tenant, id).orElseThrow(Tenants::noKey));
  }

  /** Administrators' keys, newest first; the configured one is not among them. */
  @Transactional
  public List<KeyInfo> adminKeys() {
    return keys.adminPage(MAX_KEYS).stream().map(Tenants::known).toList();
  }

  /** Makes a key for an administrator. */
  @Transactional
  public CreatedKey createAdminKey(String name, @Nullable Instant expiresAt) {
    checkName(name);
    checkExpiry(null, expiresAt);
    tenants.oneAtATime("admin-keys");
    checkRoom(keys.liveAdmins(clock.instant()));
    String text = KeyFormat.ADMIN.make();
    ApiKey key =
        ApiKey.ofAdmin(
            UUID.randomUUID(), name, KeyFormat.shown(text), KeyFormat.hash(text), clock.instant());
    key.expiresAt = expiresAt;
    keys.persist(key);
    return new CreatedKey(known(key), text, null);
  }

  /** Changes an administrator's key: its name, its end, whether it is suspended. */
  @Transactional
  public KeyInfo changeAdminKey(UUID id, UnaryOperator<KeySettings> change) {
    ApiKey key = keys.lockedAdmin(id).orElseThrow(Tenants::noAdminKey);
    if (key.revokedAt != null) {
      throw revoked();
    }
    KeySettings settings = change.apply(settings(key));
    checkName(settings.name());
    checkExpiry(key.expiresAt, settings.expiresAt());
    key.name = settings.name();
    key.expiresAt = settings.expiresAt();
    key.suspendedAt = suspendedAt(key.suspendedAt, settings.suspended());
    authenticator.forget();
    return known(key);
  }

  /** Ends an administrator's key. */
  @Transactional
  public KeyInfo revokeAdminKey(UUID id) {
    return revoke(keys.lockedAdmin(id).orElseThrow(Tenants::noAdminKey));
  }

  private KeyInfo revoke(ApiKey key) {
    if (key.revokedAt == null) {
      key.revokedAt = clock.instant();
    }
    authenticator.forget();
    return known(key);
  }

  /** Of keys counted while nobody else makes one. */
  private static void checkRoom(long live) {
    if (live >= MAX_KEYS) {
      throw new ProblemException(
          ErrorCode.CONFLICT, "there are " + MAX_KEYS + " keys already; revoke one first");
    }
  }

  private Tenant find(String id) {
    return tenants.findByIdOptional(Tenant.isId(id) ? id : "").orElseThrow(Tenants::noTenant);
  }

  private void apply(ApiKey key, KeySettings settings) {
    checkName(settings.name());
    checkExpiry(key.expiresAt, settings.expiresAt());
    checkBetween("rate", settings.rate(), MIN_RATE, MAX_RATE);
    checkBetween("burst", settings.burst(), BigDecimal.ONE, MAX_RATE);
    key.name = settings.name();
    key.scopes = Scope.words(scopes(settings.scopes()));
    key.rate = settings.rate();
    key.burst = settings.burst();
    key.expiresAt = settings.expiresAt();
    key.suspendedAt = suspendedAt(key.suspendedAt, settings.suspended());
  }

  private void apply(Tenant tenant, Settings settings) {
    checkName(settings.name());
    List<String> granted = settings.trackAccounts();
    if (granted != null && !granted.stream().allMatch(name -> mayHave(tenant, name))) {
      throw invalid("track_accounts is a list of " + String.join(", ", accounts));
    }
    checkBetween("max_queued", settings.maxQueued(), BigDecimal.ZERO, MAX_QUEUED);
    checkBetween("units_per_day", settings.unitsPerDay(), BigDecimal.ZERO, MAX_UNITS);
    checkBetween("units_per_month", settings.unitsPerMonth(), BigDecimal.ZERO, MAX_UNITS);
    checkBetween("amount_per_month", settings.amountPerMonth(), BigDecimal.ZERO, MAX_UNITS);
    int weight = settings.weight() == null ? 1 : settings.weight();
    if (weight < 1 || weight > MAX_WEIGHT) {
      throw invalid("weight must be 1 to " + MAX_WEIGHT);
    }
    if (settings.models().size() > MAX_MODELS) {
      throw invalid("models may name at most " + MAX_MODELS);
    }
    tenant.name = settings.name();
    tenant.maxQueued = settings.maxQueued();
    tenant.unitsPerDay = settings.unitsPerDay();
    tenant.unitsPerMonth = settings.unitsPerMonth();
    tenant.amountPerMonth = settings.amountPerMonth();
    tenant.weight = (short) weight;
    tenant.models = settings.models();
    tenant.trackAccounts = granted == null ? null : granted.stream().sorted().distinct().toList();
    tenant.suspendedAt = suspendedAt(tenant.suspendedAt, settings.suspended());
  }

  /** An account that is configured no more is no reason to refuse another change. */
  private boolean mayHave(Tenant tenant, String account) {
    return accounts.contains(account)
        || tenant.trackAccounts != null && tenant.trackAccounts.contains(account);
  }

  private @Nullable Instant suspendedAt(@Nullable Instant before, boolean suspended) {
    if (!suspended) {
      return null;
    }
    return before == null ? clock.instant() : before;
  }

  private static void checkName(String name) {
    Parameters.filled("name", name.strip(), MAX_NAME);
    Parameters.text("name", name, MAX_NAME);
  }

  private static void checkBetween(
      String name, @Nullable Number value, BigDecimal least, BigDecimal most) {
    if (value != null) {
      BigDecimal number = new BigDecimal(value.toString());
      if (number.compareTo(least) < 0 || number.compareTo(most) > 0) {
        throw invalid(name + " must be " + least + " to " + most.toPlainString());
      }
    }
  }

  private void checkExpiry(@Nullable Instant before, @Nullable Instant expiresAt) {
    if (expiresAt != null && !expiresAt.equals(before) && !expiresAt.isAfter(clock.instant())) {
      throw invalid("expires_at must be in the future");
    }
  }

  private static Set<Scope> scopes(Set<String> words) {
    try {
      return words.isEmpty() ? Scope.PRESET : Scope.of(String.join(" ", words));
    } catch (IllegalArgumentException e) {
      throw invalid("scopes is a list of " + Scope.words(Scope.ALL).replace(" ", ", "));
    }
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
    return new TenantInfo(tenant.id, settings(tenant), granted, tenant.createdAt);
  }

  private static KeySettings settings(ApiKey key) {
    return new KeySettings(
        key.name, scopes(key), key.rate, key.burst, key.expiresAt, key.suspendedAt != null);
  }

  private static Set<String> scopes(ApiKey key) {
    return key.scopes == null
        ? Set.of()
        : Scope.of(key.scopes).stream().map(Scope::wireName).collect(Collectors.toSet());
  }

  private static KeyInfo known(ApiKey key) {
    return new KeyInfo(
        key.id,
        key.prefix,
        key.accessKey,
        settings(key),
        key.createdAt,
        key.revokedAt,
        key.lastUsedAt);
  }

  private static ProblemException noTenant() {
    return new ProblemException(ErrorCode.NOT_FOUND, "there is no tenant with this id");
  }

  private static ProblemException noKey() {
    return new ProblemException(ErrorCode.NOT_FOUND, "the tenant has no such key");
  }

  private static ProblemException noAdminKey() {
    return new ProblemException(ErrorCode.NOT_FOUND, "there is no such admin key");
  }

  private static ProblemException revoked() {
    return new ProblemException(ErrorCode.CONFLICT, "the key is revoked, and stays so");
  }

  private static ProblemException invalid(String message) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, message);
  }
}
