package io.klingtracker.start;

import io.klingtracker.api.ApiConfig;
import io.klingtracker.api.ReadConfig;
import io.klingtracker.callback.CallbackConfig;
import io.klingtracker.database.GroupCommitConfig;
import io.klingtracker.dispatch.DispatchConfig;
import io.klingtracker.events.RelayConfig;
import io.klingtracker.feed.FeedConfig;
import io.klingtracker.http.HttpConfig;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.reconcile.ReconcileConfig;
import io.klingtracker.rules.ModelMapping;
import io.klingtracker.secret.SecretConfig;
import io.klingtracker.secret.Secrets;
import io.klingtracker.target.TargetConfig;
import io.klingtracker.target.TargetPolicy;
import io.klingtracker.task.TaskConfig;
import io.klingtracker.tenant.PeopleConfig;
import io.klingtracker.tenant.TenantConfig;
import io.klingtracker.tracking.ResultConfig;
import io.klingtracker.tracking.TrackingConfig;
import io.klingtracker.watch.WatchConfig;
import io.klingtracker.webhook.FirstSecretConfig;
import io.klingtracker.webhook.WebhookConfig;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.WithName;
import io.smallrye.config.WithParentName;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds what is missing or senseless in the configuration. Every mapping of the service is read, so
 * that a value of the wrong type is found too; every number in them must be 0 or more and every
 * duration above 0.
 */
public final class StartupCheck {

  /** Every mapping of the service; a test finds the one that is forgotten here. */
  static final List<Class<?>> MAPPINGS =
      List.of(
          SecretConfig.class,
          TrackingConfig.class,
          ResultConfig.class,
          TenantConfig.class,
          PeopleConfig.class,
          KlingConfig.class,
          TaskConfig.class,
          GroupCommitConfig.class,
          ApiConfig.class,
          ReadConfig.class,
          DispatchConfig.class,
          CallbackConfig.class,
          ReconcileConfig.class,
          RelayConfig.class,
          TargetConfig.class,
          WatchConfig.class,
          HttpConfig.class,
          WebhookConfig.class,
          FirstSecretConfig.class,
          FeedConfig.class);

  private static final int MAX_SLOTS = 10_000;
  private static final String WEBHOOK_SECRET = "whsec_";
  private static final String OIDC = "quarkus.oidc.";

  /** Further providers; Quarkus would choose among them by the request. */
  private static final Pattern OTHER_PROVIDER =
      Pattern.compile(
          "quarkus\\.oidc\\.(\"[^\"]+\"|[^.\"]+)\\.(auth-server-url|public-key|provider)"
              + "|QUARKUS_OIDC_.+_(AUTH_SERVER_URL|PUBLIC_KEY|PROVIDER)");

  private StartupCheck() {}

  /** Raised where a fault is found; its message names the key. */
  private static final class Fault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Fault(String key, String what) {
      super(key + " " + what, null, false, false);
    }
  }

  /**
   * The first fault, as one line that names the key.
   *
   * @param builder with the sources to read
   */
  public static Optional<String> fault(SmallRyeConfigBuilder builder) {
    try {
      MAPPINGS.forEach(builder::withMapping);
      check(builder.build());
      return Optional.empty();
    } catch (Fault e) {
      return Optional.of(String.valueOf(e.getMessage()));
    } catch (ConfigValidationException e) {
      return Optional.of(oneLine(e.getProblem(0).getMessage()));
    } catch (IllegalArgumentException e) {
      return Optional.of(oneLine(String.valueOf(e.getMessage())));
    }
  }

  private static void check(SmallRyeConfig config) {
    String jdbc = required(config, "quarkus.datasource.jdbc.url");
    if (!jdbc.startsWith("jdbc:postgresql:")) {
      throw new Fault("quarkus.datasource.jdbc.url", "must begin with jdbc:postgresql:");
    }
    required(config, "kafka.bootstrap.servers");
    String publicUrl = required(config, "tracker.public-url");
    web("tracker.public-url", publicUrl);
    secret("tracker.secret", required(config, "tracker.secret"));
    config
        .getConfigMapping(SecretConfig.class)
        .previousSecrets()
        .ifPresent(all -> all.forEach(old -> secret("tracker.previous-secrets", old)));
    kling(config.getConfigMapping(KlingConfig.class));
    webhooks(config);
    people(config);
    for (Class<?> mapping : MAPPINGS) {
      ConfigMapping root = mapping.getAnnotation(ConfigMapping.class);
      bounds(root.prefix(), mapping, config.getConfigMapping(mapping));
    }
  }

  private static void kling(KlingConfig kling) {
    if (kling.accounts().isEmpty()) {
      throw new Fault(
          "kling.accounts",
          "names no account; set kling.accounts.default.access-key and .secret-key, or .api-key");
    }
    kling.accounts().forEach(StartupCheck::account);
    ModelMapping models = ModelMapping.of(kling.models(), Set.copyOf(kling.discontinuedModels()));
    kling.tenantModels().forEach((tenant, own) -> tenantModels(models, tenant, own));
  }

  private static void tenantModels(ModelMapping models, String tenant, Map<String, String> own) {
    try {
      models.with(own);
    } catch (IllegalArgumentException e) {
      throw new Fault("kling.tenant-models." + tenant, "does not fit: " + e.getMessage());
    }
  }

  private static void account(String name, KlingConfig.Account account) {
    String prefix = "kling.accounts." + name;
    web(prefix + ".base-url", account.baseUrl().toString());
    boolean key = account.apiKey().isPresent();
    if (account.accessKey().isPresent() != account.secretKey().isPresent()) {
      throw new Fault(
          prefix + (account.accessKey().isPresent() ? ".secret-key" : ".access-key"),
          "is missing; Kling's key pair needs both");
    }
    if (!key && account.accessKey().isEmpty()) {
      throw new Fault(prefix, "has no credentials; set .access-key and .secret-key, or .api-key");
    }
    if (account.maxParallel() < 1 || account.maxParallel() > MAX_SLOTS) {
      throw new Fault(
          prefix + ".max-parallel", "must be 1 to " + MAX_SLOTS + ", is " + account.maxParallel());
    }
    account
        .webhookSecrets()
        .ifPresent(
            secrets ->
                secrets.forEach(secret -> webhookSecret(prefix + ".webhook-secrets", secret)));
  }

  /**
   * A token that was made for another service of the same provider must not pass here, and there
   * must be one way only in which somebody can come: who it is that comes is read from the token in
   * {@code Authorization}, so nothing else may be what is verified.
   */
  private static void people(SmallRyeConfig config) {
    if (!config.getOptionalValue(OIDC + "tenant-enabled", Boolean.class).orElse(false)) {
      return;
    }
    web(OIDC + "auth-server-url", required(config, OIDC + "auth-server-url"));
    required(config, OIDC + "token.audience");
    only(config, OIDC + "token.header", "Authorization");
    only(config, OIDC + "token.authorization-scheme", "Bearer");
    only(config, OIDC + "application-type", "service");
    for (String other : List.of("basic", "form.enabled", "proxy.enabled")) {
      only(config, "quarkus.http.auth." + other, "false");
    }
    for (String name : config.getPropertyNames()) {
      if (OTHER_PROVIDER.matcher(name).matches()) {
        throw new Fault(name, "names another identity provider; the service knows one");
      }
    }
  }

  private static void only(SmallRyeConfig config, String key, String value) {
    config
        .getOptionalValue(key, String.class)
        .filter(given -> !given.isBlank() && !given.strip().equalsIgnoreCase(value))
        .ifPresent(
            given -> {
              throw new Fault(
                  key, "must be " + value + " or left out with an identity provider, is " + given);
            });
  }

  private static void webhooks(SmallRyeConfig config) {
    // Reading the lists is checking them.
    new TargetPolicy(config.getConfigMapping(TargetConfig.class));
    config
        .getConfigMapping(FirstSecretConfig.class)
        .webhookSecret()
        .ifPresent(secret -> webhookSecret("tracker.bootstrap.webhook-secret", secret));
    WebhookConfig webhook = config.getConfigMapping(WebhookConfig.class);
    if (webhook.lease().compareTo(webhook.timeout()) <= 0) {
      throw new Fault(
          "tracker.webhook.lease",
          "must be longer than tracker.webhook.timeout, or all is sent twice");
    }
    if (webhook.jitter() > 1) {
      throw new Fault("tracker.webhook.jitter", "must be 0 to 1, is " + webhook.jitter());
    }
    Map.of(
            "in-flight", webhook.inFlight(),
            "per-host", webhook.perHost(),
            "per-host-rate", webhook.perHostRate(),
            "batch", webhook.batch())
        .forEach(
            (name, value) -> {
              if (value < 1) {
                throw new Fault("tracker.webhook." + name, "must be 1 or more, is " + value);
              }
            });
  }

  private static void webhookSecret(String key, String secret) {
    try {
      if (secret.startsWith(WEBHOOK_SECRET)
          && Base64.getDecoder().decode(secret.substring(WEBHOOK_SECRET.length())).length > 0) {
        return;
      }
    } catch (IllegalArgumentException e) {
      // The fault below says what is expected.
    }
    throw new Fault(key, "must be whsec_ and base 64, separated by commas");
  }

  private static void secret(String key, String secret) {
    int bytes = secret.getBytes(StandardCharsets.UTF_8).length;
    if (bytes < Secrets.MIN_BYTES) {
      throw new Fault(key, "must have at least " + Secrets.MIN_BYTES + " bytes, has " + bytes);
    }
  }

  private static void web(String key, String value) {
    try {
      URI uri = URI.create(value);
      if (("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
          && uri.getHost() != null
          && uri.getQuery() == null) {
        return;
      }
    } catch (IllegalArgumentException e) {
      // The fault below says what is expected.
    }
    throw new Fault(key, "must be an absolute http or https URL, is '" + value + "'");
  }

  private static String required(SmallRyeConfig config, String key) {
    return config
        .getOptionalValue(key, String.class)
        .filter(value -> !value.isBlank())
        .orElseThrow(() -> new Fault(key, "is required and not set"));
  }

  /** Walks a mapping's getters, nested groups and maps of groups included. */
  private static void bounds(String prefix, Class<?> type, Object values) {
    for (Method getter : type.getMethods()) {
      if (getter.getParameterCount() == 0 && Modifier.isAbstract(getter.getModifiers())) {
        bound(name(prefix, getter), get(getter, values));
      }
    }
  }

  private static void bound(String key, @Nullable Object value) {
    if (value instanceof Number number && number.doubleValue() < 0) {
      throw new Fault(key, "must not be negative, is " + number);
    } else if (value instanceof Duration duration && (duration.isZero() || duration.isNegative())) {
      throw new Fault(key, "must be a time above 0, is " + duration);
    } else if (value instanceof Optional<?> optional) {
      optional.ifPresent(content -> bound(key, content));
    } else if (value instanceof Map<?, ?> map) {
      map.forEach((name, content) -> bound(key + "." + name, content));
    } else if (value != null) {
      for (Class<?> group : value.getClass().getInterfaces()) {
        if (group.getName().startsWith("io.klingtracker.")) {
          bounds(key, group, value);
        }
      }
    }
  }

  static String name(String prefix, Method getter) {
    if (getter.isAnnotationPresent(WithParentName.class)) {
      return prefix;
    }
    WithName given = getter.getAnnotation(WithName.class);
    String name =
        given != null
            ? given.value()
            : getter.getName().replaceAll("([A-Z])", "-$1").toLowerCase(java.util.Locale.ROOT);
    return prefix + "." + name;
  }

  private static @Nullable Object get(Method getter, Object values) {
    try {
      return getter.invoke(values);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("a mapping's getter is public and cannot fail", e);
    }
  }

  private static String oneLine(String text) {
    return text.replaceAll("[\\w.]*Exception: ", "")
        .replaceAll("SRCFG\\d+:? ", "")
        .replaceAll("\\s+", " ");
  }
}
