package io.klingtracker.webhook;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.klingtracker.database.Rows;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Secrets;
import io.klingtracker.signature.SigningSecret;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * The tenants' webhook secrets, sealed in the database. A tenant that has none gets one when it is
 * first needed, so that nothing leaves unsigned.
 */
@Singleton
class SecretStore {

  /** How long another replica's rotation may go unnoticed; both secrets sign meanwhile anyway. */
  private static final Duration CACHED = Duration.ofSeconds(5);

  private static final int MAX_CACHED = 10_000;

  /** Live secrets of a tenant: each is a signature in the header of every delivery. */
  private static final int MAX_LIVE = 4;

  private static final String LIVE =
      """
      select sealed from webhook_secret where tenant_id = :tenant and (expires_at is null or expires_at > :now)
      order by id desc
      """;

  private static final String FIRST =
      """
      insert into webhook_secret (tenant_id, sealed, created_at)
      select :tenant, :sealed, :now where not exists (
        select from webhook_secret where tenant_id = :tenant and expires_at is null)
      on conflict do nothing
      """;

  /** One rotation of a tenant's at a time: what is counted stays true until it is committed. */
  private static final String ALONE = "select id from tenant where id = :tenant for no key update";

  /** The former secret first makes room under the index that allows one without an end. */
  private static final String ROTATE =
      """
      with former as (
        update webhook_secret set expires_at = :expires where tenant_id = :tenant and expires_at is null returning id
      )
      insert into webhook_secret (tenant_id, sealed, created_at)
      select :tenant, :sealed, :now from (select count(*) from former) as first
      on conflict do nothing
      """;

  private static final String DESCRIBE =
      """
      select created_at, expires_at from webhook_secret
      where tenant_id = :tenant and (expires_at is null or expires_at > :now) order by id desc
      """;

  private final Jdbi jdbi;
  private final Secrets secrets;
  private final Clock clock;
  private final SecureRandom random = new SecureRandom();
  private final Cache<String, List<SigningSecret>> cache;

  /** A live secret, of which only the dates can be shown. */
  record Description(Instant createdAt, @Nullable Instant expiresAt) {}

  @Inject
  SecretStore(Jdbi jdbi, Secrets secrets, Clock clock) {
    this.jdbi = jdbi;
    this.secrets = secrets;
    this.clock = clock;
    this.cache = Caches.afterWrite(MAX_CACHED, CACHED, clock);
  }

  /** What deliveries to a tenant are signed with, newest first; never empty. */
  List<SigningSecret> live(String tenant) {
    List<SigningSecret> known = cache.getIfPresent(tenant);
    if (known == null) {
      Instant now = clock.instant();
      known = read(tenant, now);
      if (known.isEmpty()) {
        putFirst(tenant, SigningSecret.generate(random));
        known = read(tenant, now);
      }
      cache.put(tenant, known);
    }
    return known;
  }

  private List<SigningSecret> read(String tenant, Instant now) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LIVE)
                .bind("tenant", tenant)
                .bind("now", now)
                .mapTo(byte[].class)
                .map(bytes -> SigningSecret.ofKey(secrets.open(bytes)))
                .list());
  }

  /** Gives a tenant its first secret; a tenant that has one keeps it. */
  void putFirst(String tenant, SigningSecret secret) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(FIRST)
                .bind("tenant", tenant)
                .bind("sealed", secrets.seal(secret.key()))
                .bind("now", clock.instant())
                .execute());
  }

  /**
   * Gives a tenant a new secret.
   *
   * @param chosen the tenant's own choice, or null to have one made
   * @param overlap how long the former secret signs as well
   * @return the new one, to be shown once
   */
  SigningSecret rotate(String tenant, @Nullable SigningSecret chosen, Duration overlap) {
    SigningSecret secret = chosen == null ? SigningSecret.generate(random) : chosen;
    int written = jdbi.inTransaction(handle -> rotate(handle, tenant, secret, overlap));
    cache.invalidate(tenant);
    if (written == 0) {
      throw new ProblemException(
          ErrorCode.CONFLICT, "another rotation is under way; look at the settings and try again");
    }
    return secret;
  }

  private int rotate(Handle handle, String tenant, SigningSecret secret, Duration overlap) {
    handle.createQuery(ALONE).bind("tenant", tenant).mapTo(String.class).findOne();
    Instant now = clock.instant();
    if (!overlap.isZero() && describe(handle, tenant, now).size() >= MAX_LIVE) {
      throw new ProblemException(
          ErrorCode.CONFLICT,
          MAX_LIVE
              + " secrets are live; wait until one has expired, or rotate with overlap_seconds 0");
    }
    return handle
        .createUpdate(ROTATE)
        .bind("tenant", tenant)
        .bind("expires", now.plus(overlap))
        .bind("sealed", secrets.seal(secret.key()))
        .bind("now", now)
        .execute();
  }

  /** The live secrets' dates, newest first. */
  List<Description> describe(String tenant) {
    return jdbi.withHandle(handle -> describe(handle, tenant, clock.instant()));
  }

  private static List<Description> describe(Handle handle, String tenant, Instant now) {
    return handle
        .createQuery(DESCRIBE)
        .bind("tenant", tenant)
        .bind("now", now)
        .map(
            (row, context) ->
                new Description(
                    Rows.instant(row, "created_at"), Rows.instantOrNull(row, "expires_at")))
        .list();
  }
}
