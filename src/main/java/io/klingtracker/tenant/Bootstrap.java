package io.klingtracker.tenant;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.secret.Secrets;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.transaction.Transactional;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.Set;
import java.util.UUID;

/**
 * Makes the configured first tenant and its key when they do not exist yet; changes nothing that
 * exists.
 */
@ApplicationScoped
class Bootstrap {

  private final TenantConfig.Bootstrap config;
  private final TenantRepository tenants;
  private final ApiKeyRepository keys;
  private final Secrets secrets;
  private final Clock clock;
  private final Set<String> accounts;

  @Inject
  Bootstrap(
      TenantConfig config,
      TenantRepository tenants,
      ApiKeyRepository keys,
      Secrets secrets,
      Clock clock,
      KlingConfig kling) {
    this.accounts = kling.accounts().keySet();
    this.config = config.bootstrap();
    this.tenants = tenants;
    this.keys = keys;
    this.secrets = secrets;
    this.clock = clock;
  }

  @Transactional
  void onStart(@Observes StartupEvent start) {
    // Replicas that start together: the second finds what the first has made.
    tenants.oneAtATime("bootstrap");
    if (config.apiKey().isEmpty()) {
      return;
    }
    String key = config.apiKey().get();
    if (tenants.findByIdOptional(config.tenant()).isEmpty()) {
      tenants.keepTheOnlyOnesAccounts(accounts);
      // An operator may make it over the API at this moment.
      tenants.insert(config.tenant(), config.tenant(), clock.instant());
    }
    byte[] hash = KeyFormat.hash(key);
    if (keys.byHash(hash).isEmpty()) {
      String secret = config.secretKey().orElseGet(KeyFormat.API::make);
      keys.persist(
          new ApiKey(
                  UUID.randomUUID(),
                  config.tenant(),
                  "bootstrap",
                  KeyFormat.shown(key),
                  hash,
                  config.accessKey().orElseGet(KeyFormat.ACCESS::make),
                  secrets.seal(secret.getBytes(StandardCharsets.UTF_8)),
                  clock.instant())
              .withAllScopes());
    }
  }
}
