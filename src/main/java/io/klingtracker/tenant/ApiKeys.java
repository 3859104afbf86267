package io.klingtracker.tenant;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Secrets;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import jakarta.transaction.Transactional;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What administrators do with keys: those of tenants, and their own. */
@ApplicationScoped
public class ApiKeys {

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

  /**
   * What a key may do.
   *
   * @param scopes of {@code submit}, {@code read}, {@code webhooks}, {@code erase}
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
  ApiKeys(
      TenantRepository tenants,
      ApiKeyRepository keys,
      KeyAuthenticator authenticator,
      Secrets secrets,
      Clock clock) {
    this.tenants = tenants;
    this.keys = keys;
    this.authenticator = authenticator;
    this.secrets = secrets;
    this.clock = clock;
  }

  /** A tenant's keys, newest first. */
  @Transactional
  public List<KeyInfo> ofTenant(String tenant) {
    return keys.page(tenants.one(tenant).id, MAX_KEYS).stream().map(ApiKeys::known).toList();
  }

  /** Makes a key with its pair. */
  @Transactional
  public CreatedKey create(String tenant, KeySettings settings) {
    Tenant owner = tenants.oneThatStays(tenant);
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
  public KeyInfo change(String tenant, UUID id, UnaryOperator<KeySettings> change) {
    ApiKey key = keys.locked(tenant, id).orElseThrow(ApiKeys::noKey);
    if (key.revokedAt != null) {
      throw revoked();
    }
    apply(key, change.apply(settings(key)));
    authenticator.forget();
    return known(key);
  }

  /** Ends a key for good; felt by all replicas within {@code tracker.keys.cache}. */
  @Transactional
  public KeyInfo revoke(String tenant, UUID id) {
    return revoke(keys.locked(tenant, id).orElseThrow(ApiKeys::noKey));
  }

  /** Administrators' keys, newest first; the configured one is not among them. */
  @Transactional
  public List<KeyInfo> adminKeys() {
    return keys.adminPage(MAX_KEYS).stream().map(ApiKeys::known).toList();
  }

  /** Makes a key for an administrator. */
  @Transactional
  public CreatedKey createAdminKey(String name, @Nullable Instant expiresAt) {
    SettingChecks.name(name);
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
    ApiKey key = keys.lockedAdmin(id).orElseThrow(ApiKeys::noAdminKey);
    if (key.revokedAt != null) {
      throw revoked();
    }
    KeySettings settings = change.apply(settings(key));
    SettingChecks.name(settings.name());
    checkExpiry(key.expiresAt, settings.expiresAt());
    key.name = settings.name();
    key.expiresAt = settings.expiresAt();
    key.suspendedAt =
        SettingChecks.suspendedAt(key.suspendedAt, settings.suspended(), clock.instant());
    authenticator.forget();
    return known(key);
  }

  /** Ends an administrator's key. */
  @Transactional
  public KeyInfo revokeAdminKey(UUID id) {
    return revoke(keys.lockedAdmin(id).orElseThrow(ApiKeys::noAdminKey));
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

  private void apply(ApiKey key, KeySettings settings) {
    SettingChecks.name(settings.name());
    checkExpiry(key.expiresAt, settings.expiresAt());
    SettingChecks.between("rate", settings.rate(), MIN_RATE, MAX_RATE);
    SettingChecks.between("burst", settings.burst(), BigDecimal.ONE, MAX_RATE);
    key.name = settings.name();
    key.allow(scopes(settings.scopes()));
    key.rate = settings.rate();
    key.burst = settings.burst();
    key.expiresAt = settings.expiresAt();
    key.suspendedAt =
        SettingChecks.suspendedAt(key.suspendedAt, settings.suspended(), clock.instant());
  }

  private void checkExpiry(@Nullable Instant before, @Nullable Instant expiresAt) {
    if (expiresAt != null && !expiresAt.equals(before) && !expiresAt.isAfter(clock.instant())) {
      throw SettingChecks.invalid("expires_at must be in the future");
    }
  }

  private static Set<Scope> scopes(Set<String> words) {
    try {
      return words.isEmpty() ? Scope.PRESET : Scope.of(String.join(" ", words));
    } catch (IllegalArgumentException e) {
      throw SettingChecks.invalid(
          "scopes is a list of " + Scope.words(Scope.ALL).replace(" ", ", "));
    }
  }

  private static KeySettings settings(ApiKey key) {
    return new KeySettings(
        key.name, scopes(key), key.rate, key.burst, key.expiresAt, key.suspendedAt != null);
  }

  private static Set<String> scopes(ApiKey key) {
    return key.allowed().stream().map(Scope::wireName).collect(Collectors.toSet());
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

  private static ProblemException noKey() {
    return new ProblemException(ErrorCode.NOT_FOUND, "the tenant has no such key");
  }

  private static ProblemException noAdminKey() {
    return new ProblemException(ErrorCode.NOT_FOUND, "there is no such admin key");
  }

  private static ProblemException revoked() {
    return new ProblemException(ErrorCode.CONFLICT, "the key is revoked, and stays so");
  }
}
