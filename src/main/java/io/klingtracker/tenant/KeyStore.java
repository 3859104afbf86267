package io.klingtracker.tenant;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.kling.KlingConfig;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLDataException;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** Keys as requests need them: one statement gives the key and its tenant's settings. */
@Singleton
class KeyStore {

  private static final String TENANT_KEY =
      """
      select k.id, k.name, k.prefix, k.tenant_id,
        k.scopes || case when k.erases then ' erase' else '' end as scopes, k.rate, k.burst, k.secret_sealed, k.expires_at,
        %s, k.suspended_at is not null as key_suspended
      from api_key k join tenant t on t.id = k.tenant_id
      where k.revoked_at is null and %s
      """;

  /** Of the tenant {@code t}. Accounts that were never decided on are the only tenant's. */
  private static final String SETTINGS =
      """
      t.max_queued, t.units_per_day, t.units_per_month, t.amount_per_month, t.models::text as models,
        t.suspended_at is not null as tenant_suspended, coalesce(t.track_accounts,
          case when exists (select from tenant o where o.id <> t.id) then cast(array[] as text[]) else array['*'] end) as track_accounts\
      """;

  private static final String BY_HASH = TENANT_KEY.formatted(SETTINGS, "k.key_hash = :hash");
  private static final String BY_ACCESS_KEY =
      TENANT_KEY.formatted(SETTINGS, "k.access_key = :accessKey");

  private static final String TENANT =
      """
      select null::uuid as id, '' as name, '' as prefix, t.id as tenant_id, 'read' as scopes, null::numeric as rate,
        null::int as burst, null::bytea as secret_sealed, null::timestamptz as expires_at, %s, false as key_suspended
      from tenant t where t.id = :tenant
      """
          .formatted(SETTINGS);

  private static final String ADMIN =
      """
      select id, name, expires_at, suspended_at is not null as key_suspended
      from api_key where tenant_id is null and admin_right = 'write' and revoked_at is null and key_hash = :hash
      """;

  /** Those whose key or tenant may not call any more. */
  private static final String UNWELCOME =
      """
      select g.place from unnest(cast(:keys as uuid[]), cast(:tenants as text[])) with ordinality
        as g(key_id, tenant_id, place)
      where not exists (select from tenant t where t.id = g.tenant_id and t.suspended_at is null)
        or g.key_id is not null and not exists (select from api_key k where k.id = g.key_id and k.revoked_at is null
          and k.suspended_at is null and (k.expires_at is null or k.expires_at > :now))
      """;

  /** At most once a minute a key, by whichever replica. */
  private static final String USED =
      """
      update api_key set last_used_at = :now
      where id = any(cast(:ids as uuid[])) and (last_used_at is null or last_used_at < cast(:now as timestamptz) - interval '1 minute')
      """;

  /** In place of names: every configured account. */
  static final String ALL_ACCOUNTS = "*";

  private static final TypeReference<Map<String, String>> MODELS = new TypeReference<>() {};

  private final Jdbi jdbi;
  private final ObjectMapper json;
  private final Clock clock;
  private final Set<String> accounts;

  /** A key, or the people of a tenant. */
  record Who(@Nullable UUID key, String tenant) {}

  @Inject
  KeyStore(Jdbi jdbi, ObjectMapper json, Clock clock, KlingConfig kling) {
    this.accounts = Set.copyOf(kling.accounts().keySet());
    this.jdbi = jdbi;
    this.json = json;
    this.clock = clock;
  }

  Optional<Caller> byHash(byte[] hash) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(BY_HASH)
                .bind("hash", hash)
                .map((row, context) -> caller(row))
                .findOne());
  }

  Optional<Caller> byAccessKey(String accessKey) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(BY_ACCESS_KEY)
                .bind("accessKey", accessKey)
                .map((row, context) -> caller(row))
                .findOne());
  }

  /** A tenant's settings, as of somebody without a key; the scopes mean nothing. */
  Optional<Caller> tenant(String tenant) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(TENANT)
                .bind("tenant", tenant)
                .map((row, context) -> caller(row))
                .findOne());
  }

  Optional<Caller> admin(byte[] hash) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(ADMIN)
                .bind("hash", hash)
                .map(
                    (row, context) ->
                        new Caller(
                            row.getObject("id", UUID.class),
                            row.getString("name"),
                            null,
                            Scope.ALL,
                            null,
                            null,
                            Quota.NONE,
                            Map.of(),
                            Set.of(),
                            row.getBoolean("key_suspended") ? "this key" : null,
                            null,
                            Rows.instantOrNull(row, "expires_at")))
                .findOne());
  }

  List<Who> unwelcome(List<Who> callers) {
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createQuery(UNWELCOME), callers)
                .uuids("keys", Who::key)
                .texts("tenants", Who::tenant)
                .rest()
                .bind("now", clock.instant())
                .map((row, context) -> callers.get(row.getInt("place") - 1))
                .list());
  }

  void used(Collection<UUID> keys) {
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createUpdate(USED), keys)
                .uuids("ids", key -> key)
                .rest()
                .bind("now", clock.instant())
                .execute());
  }

  private Caller caller(ResultSet row) throws SQLException {
    return new Caller(
        row.getObject("id", UUID.class),
        row.getString("prefix") + " " + row.getString("name"),
        row.getString("tenant_id"),
        Scope.of(row.getString("scopes")),
        row.getBigDecimal("rate"),
        row.getObject("burst", Integer.class),
        new Quota(
            row.getObject("max_queued", Integer.class),
            row.getBigDecimal("units_per_day"),
            row.getBigDecimal("units_per_month"),
            row.getBigDecimal("amount_per_month")),
        models(row.getString("models")),
        accounts(row),
        row.getBoolean("tenant_suspended")
            ? "the tenant"
            : row.getBoolean("key_suspended") ? "this key" : null,
        row.getBytes("secret_sealed"),
        Rows.instantOrNull(row, "expires_at"));
  }

  private Set<String> accounts(ResultSet row) throws SQLException {
    List<String> granted = List.of((String[]) row.getArray("track_accounts").getArray());
    return granted.contains(ALL_ACCOUNTS)
        ? accounts
        : granted.stream().filter(accounts::contains).collect(Collectors.toSet());
  }

  private Map<String, String> models(String text) throws SQLException {
    try {
      return Map.copyOf(json.readValue(text, MODELS));
    } catch (JsonProcessingException e) {
      throw new SQLDataException("tenant.models is not an object of texts", "22000", e);
    }
  }
}
