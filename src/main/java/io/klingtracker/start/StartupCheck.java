package io.klingtracker.start;

import io.klingtracker.api.ReadConfig;
import io.klingtracker.billing.BillingConfig;
import io.klingtracker.callback.CallbackConfig;
import io.klingtracker.catalog.CatalogConfig;
import io.klingtracker.catalog.CatalogOverlay;
import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.custody.CustodyConfig;
import io.klingtracker.database.DatasourceConfig;
import io.klingtracker.database.GroupCommitConfig;
import io.klingtracker.dispatch.DispatchConfig;
import io.klingtracker.egress.TargetConfig;
import io.klingtracker.egress.TargetPolicy;
import io.klingtracker.events.RelayConfig;
import io.klingtracker.feed.FeedConfig;
import io.klingtracker.http.HttpConfig;
import io.klingtracker.http.OperatorConfig;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.ParallelSlots;
import io.klingtracker.klingapi.ApiConfig;
import io.klingtracker.reconcile.ReconcileConfig;
import io.klingtracker.retention.ArchiveConfig;
import io.klingtracker.retention.RetentionConfig;
import io.klingtracker.secret.SecretConfig;
import io.klingtracker.storage.Storage;
import io.klingtracker.storage.StorageConfig;
import io.klingtracker.task.TaskConfig;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.ConsoleConfig;
import io.klingtracker.tenant.OidcConfig;
import io.klingtracker.tenant.TenantConfig;
import io.klingtracker.upstream.ResultConfig;
import io.klingtracker.upstream.UpstreamConfig;
import io.klingtracker.watch.LongPollConfig;
import io.klingtracker.watch.WatchConfig;
import io.klingtracker.webhook.FirstSecretConfig;
import io.klingtracker.webhook.WebhookConfig;
import io.quarkus.runtime.configuration.ConfigUtils;
import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.WithName;
import io.smallrye.config.WithParentName;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds all that is missing or senseless in the configuration. Every mapping of the service is
 * read, so that a value of the wrong type is found too; every number in them must be 0 or more and
 * every duration above 0.
 */
public final class StartupCheck {

  /** Every mapping of the service; a test finds the one that is forgotten here. */
  static final List<Class<?>> MAPPINGS =
      List.of(
          StartConfig.class,
          MigrateConfig.class,
          LogConfig.class,
          SecretConfig.class,
          DatasourceConfig.class,
          UpstreamConfig.class,
          ResultConfig.class,
          TenantConfig.class,
          ConsoleConfig.class,
          OidcConfig.class,
          KlingConfig.class,
          CatalogConfig.class,
          TaskConfig.class,
          GroupCommitConfig.class,
          ApiConfig.class,
          ReadConfig.class,
          LongPollConfig.class,
          DispatchConfig.class,
          CallbackConfig.class,
          BillingConfig.class,
          ReconcileConfig.class,
          RelayConfig.class,
          TargetConfig.class,
          WatchConfig.class,
          HttpConfig.class,
          OperatorConfig.class,
          WebhookConfig.class,
          FirstSecretConfig.class,
          FeedConfig.class,
          RetentionConfig.class,
          CustodyConfig.class,
          StorageConfig.class,
          ArchiveConfig.class);

  private static final String FLYWAY = "quarkus.flyway.migrate-at-start";
  private static final String PRINT = "--print-config";
  private static final int MAX_PORT = 65_535;
  private static final String OIDC = "quarkus.oidc.";

  /** For the look at the task when its wait is over. */
  private static final Duration AFTER_WAIT = Duration.ofSeconds(10);

  /** Further providers; Quarkus would choose among them by the request. */
  private static final Pattern OTHER_PROVIDER =
      Pattern.compile(
          "quarkus\\.oidc\\.(\"[^\"]+\"|[^.\"]+)\\.(auth-server-url|public-key|provider)"
              + "|QUARKUS_OIDC_.+_(AUTH_SERVER_URL|PUBLIC_KEY|PROVIDER)");

  private final SmallRyeConfig config;
  private final Faults faults;

  private StartupCheck(SmallRyeConfig config, Faults faults) {
    this.config = config;
    this.faults = faults;
  }

  /**
   * What a configuration is worth.
   *
   * @param faults keep the service from starting; each names its setting
   * @param warnings are logged and change nothing
   * @param settings what would be run with, secrets masked
   */
  public record Findings(
      List<String> faults, List<String> warnings, Supplier<List<String>> settings) {

    /** All faults as one line; empty when there are none. */
    public Optional<String> fault() {
      return faults.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", faults));
    }
  }

  /**
   * Finds every fault at once.
   *
   * @param builders makes builders with the sources to read, none of which has been built
   */
  public static Findings findings(Supplier<SmallRyeConfigBuilder> builders) {
    return findings(builders, new Faults());
  }

  private static Findings findings(Supplier<SmallRyeConfigBuilder> builders, Faults faults) {
    SmallRyeConfig mapped = mapped(builders.get(), faults);
    SmallRyeConfig config = mapped == null ? builders.get().build() : mapped;
    StartupCheck check = new StartupCheck(config, faults);
    check.required();
    if (mapped != null) {
      check.mappings();
    }
    KnownSettings known = KnownSettings.of(MAPPINGS);
    List<String> warnings = known.check(config, faults);
    return new Findings(
        faults.all(),
        warnings,
        () ->
            EffectiveConfig.of(config, known).stream().map(EffectiveConfig.Setting::line).toList());
  }

  /** With every mapping read; null, with faults, when one cannot be. */
  private static @Nullable SmallRyeConfig mapped(SmallRyeConfigBuilder builder, Faults faults) {
    try {
      MAPPINGS.forEach(builder::withMapping);
      return builder.build();
    } catch (ConfigValidationException e) {
      for (int i = 0; i < e.getProblemCount(); i++) {
        faults.add(e.getProblem(i).getMessage());
      }
      return null;
    }
  }

  /**
   * Ends the process with one line when the configuration cannot work, else prints the warnings.
   *
   * @param arguments {@value #PRINT} prints the settings, and ends the process anyway
   */
  public static void orExit(String... arguments) {
    Faults faults = new Faults();
    QuarkusSettings.check(faults);
    Findings found = findings(ConfigUtils::configBuilder, faults);
    boolean print = List.of(arguments).contains(PRINT);
    if (print) {
      found.settings().get().forEach(System.out::println);
    }
    found.warnings().forEach(line -> System.err.println("Kling Task Tracker warns: " + line));
    if (found.fault().isPresent()) {
      System.err.println("Kling Task Tracker cannot start: " + found.fault().get());
      System.exit(1);
    }
    if (print) {
      System.exit(0);
    }
  }

  private void required() {
    String jdbc = required("quarkus.datasource.jdbc.url");
    if (jdbc != null && !jdbc.startsWith("jdbc:postgresql:")) {
      faults.add("quarkus.datasource.jdbc.url", "must begin with jdbc:postgresql:");
    }
    required("kafka.bootstrap.servers");
    String publicUrl = required("tracker.public-url");
    if (publicUrl != null) {
      web("tracker.public-url", publicUrl);
    }
    required("tracker.secret");
  }

  private void mappings() {
    KlingConfig kling = config.getConfigMapping(KlingConfig.class);
    kling(kling);
    config
        .getConfigMapping(CatalogConfig.class)
        .file()
        .ifPresent(
            file -> faults.collect("tracker.catalog.file ", () -> CatalogOverlay.check(file)));
    new SecretCheck(faults, kling.accounts()).check(config);
    webhooks();
    people();
    waits();
    retention();
    custody();
    config
        .getConfigMapping(ArchiveConfig.class)
        .url()
        .ifPresent(url -> storage("tracker.archive.url", url));
    operators();
    migrations();
    for (Class<?> mapping : MAPPINGS) {
      ConfigMapping root = mapping.getAnnotation(ConfigMapping.class);
      bounds(root.prefix(), mapping, config.getConfigMapping(mapping));
    }
  }

  private void kling(KlingConfig kling) {
    if (kling.accounts().isEmpty()) {
      faults.add(
          "kling.accounts",
          "names no account; set kling.accounts.default.access-key and .secret-key, or .api-key");
    }
    kling.accounts().forEach(this::account);
    kling.proxy().ifPresent(this::proxy);
    kling.trustedCertificates().ifPresent(this::trusted);
    faults.collect(
        "",
        () ->
            ModelMapping.of(
                kling.models(), Set.copyOf(kling.discontinuedModels().orElse(List.of()))));
  }

  /** The URL may hold a password: no message repeats it. */
  private void proxy(URI proxy) {
    if (!"http".equals(proxy.getScheme()) || proxy.getHost() == null) {
      faults.add("kling.proxy", "must be an http URL, such as http://proxy.example.com:3128");
    }
  }

  private void trusted(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      if (!CertificateFactory.getInstance("X.509").generateCertificates(in).isEmpty()) {
        return;
      }
    } catch (IOException | CertificateException e) {
      // The fault below says what is expected.
    }
    faults.add(
        "kling.trusted-certificates", "must be a readable PEM file of certificates, is " + file);
  }

  private void account(String name, KlingConfig.Account account) {
    String prefix = "kling.accounts." + name;
    web(prefix + ".base-url", account.baseUrl().toString());
    boolean pair = account.accessKey().isPresent() && account.secretKey().isPresent();
    if (account.accessKey().isPresent() != account.secretKey().isPresent()) {
      faults.add(
          prefix + (account.accessKey().isPresent() ? ".secret-key" : ".access-key"),
          "is missing; Kling's key pair needs both");
    } else if (!pair && account.apiKey().isEmpty()) {
      faults.add(prefix, "has no credentials; set .access-key and .secret-key, or .api-key");
    }
    if (account.maxParallel() < 1 || account.maxParallel() > ParallelSlots.MAX) {
      faults.add(
          prefix + ".max-parallel",
          "must be 1 to " + ParallelSlots.MAX + ", is " + account.maxParallel());
    }
  }

  /**
   * A token that was made for another service of the same provider must not pass here, and there
   * must be one way only in which somebody can come: who it is that comes is read from the token in
   * {@code Authorization}, so nothing else may be what is verified.
   */
  private void people() {
    if (!config.getOptionalValue(OIDC + "tenant-enabled", Boolean.class).orElse(false)) {
      return;
    }
    String url = required(OIDC + "auth-server-url");
    if (url != null) {
      web(OIDC + "auth-server-url", url);
    }
    required(OIDC + "token.audience");
    only(OIDC + "token.header", "Authorization");
    only(OIDC + "token.authorization-scheme", "Bearer");
    only(OIDC + "application-type", "service");
    for (String other : List.of("basic", "form.enabled", "proxy.enabled")) {
      only("quarkus.http.auth." + other, "false");
    }
    for (String name : config.getPropertyNames()) {
      if (OTHER_PROVIDER.matcher(name).matches()) {
        faults.add(name, "names another identity provider; the service knows one");
      }
    }
  }

  private void only(String key, String value) {
    config
        .getOptionalValue(key, String.class)
        .filter(given -> !given.isBlank() && !given.strip().equalsIgnoreCase(value))
        .ifPresent(
            given ->
                faults.add(
                    key,
                    "must be " + value + " or left out with an identity provider, is " + given));
  }

  /**
   * One of the two has to know that the other migrates, and ours does so without holding others up.
   */
  private void migrations() {
    if (config.getOptionalValue(FLYWAY, Boolean.class).orElse(false)) {
      faults.add(FLYWAY, "must be left out: tracker.migrate says who migrates");
    }
  }

  private void operators() {
    OptionalInt port = config.getConfigMapping(OperatorConfig.class).port();
    if (port.isEmpty()) {
      return;
    }
    if (port.getAsInt() < 1 || port.getAsInt() > MAX_PORT) {
      faults.add("tracker.operator.port", "must be 1 to " + MAX_PORT + ", is " + port.getAsInt());
    }
    for (String other : List.of("quarkus.http.port", "quarkus.http.ssl-port")) {
      if (config.getOptionalValue(other, Integer.class).orElse(0) == port.getAsInt()) {
        faults.add("tracker.operator.port", "must be another port than " + other);
      }
    }
  }

  private void webhooks() {
    // Reading the lists is checking them.
    faults.collect("", () -> new TargetPolicy(config.getConfigMapping(TargetConfig.class)));
    WebhookConfig webhook = config.getConfigMapping(WebhookConfig.class);
    new TreeMap<>(
            Map.of(
                "in-flight", webhook.inFlight(),
                "per-host", webhook.perHost(),
                "per-host-rate", webhook.perHostRate()))
        .forEach(
            (name, value) -> {
              if (value < 1) {
                faults.add("tracker.webhook." + name, "must be 1 or more, is " + value);
              }
            });
  }

  /** A wait that something else cut would leave a paid create without its answer. */
  private void waits() {
    Duration longest = config.getConfigMapping(LongPollConfig.class).maxWait();
    Duration answer = config.getConfigMapping(HttpConfig.class).answerTime();
    if (answer.compareTo(longest.plus(AFTER_WAIT)) < 0) {
      faults.add(
          "tracker.http.answer-time",
          "must be at least %s s longer than tracker.api.max-wait (%s s), is %s s"
              .formatted(AFTER_WAIT.toSeconds(), longest.toSeconds(), answer.toSeconds()));
    }
    config
        .getOptionalValue("quarkus.http.idle-timeout", String.class)
        .map(DurationConverter::parseDuration)
        .filter(idle -> idle.compareTo(answer) <= 0)
        .ifPresent(
            idle ->
                faults.add(
                    "quarkus.http.idle-timeout",
                    "must be longer than tracker.http.answer-time (%s s), is %s s: it would cut waits"
                        .formatted(answer.toSeconds(), idle.toSeconds())));
  }

  /** Nobody has read all of what is newer, and a rate of none would never end. */
  private void retention() {
    RetentionConfig retention = config.getConfigMapping(RetentionConfig.class);
    new TreeMap<>(retention.ages())
        .forEach(
            (key, age) -> {
              boolean ofUsage = key.equals("usage");
              Duration least = ofUsage ? RetentionConfig.SHORTEST_USAGE : RetentionConfig.SHORTEST;
              if (age.compareTo(least) < 0 || age.compareTo(RetentionConfig.LONGEST) > 0) {
                faults.add(
                    "tracker.retention." + key,
                    "must be a time from %s to 36500D, is %s"
                        .formatted(ofUsage ? "32D" : "1h", age));
              }
            });
    if (retention.rate() < 1 || retention.rate() > RetentionConfig.MAX_RATE) {
      faults.add(
          "tracker.retention.rate",
          "must be 1 to " + RetentionConfig.MAX_RATE + ", is " + retention.rate());
    }
  }

  /** Copies that cannot be made would be missed only when Kling's links are dead. */
  private void custody() {
    CustodyConfig custody = config.getConfigMapping(CustodyConfig.class);
    if (custody.warn().compareTo(Tasks.RESULT_LIFE) >= 0) {
      faults.add("tracker.custody.warn", "must be shorter than 30D, is " + custody.warn());
    }
    custody
        .keep()
        .filter(
            age ->
                age.compareTo(CustodyConfig.SHORTEST) < 0
                    || age.compareTo(CustodyConfig.LONGEST) > 0)
        .ifPresent(
            age ->
                faults.add("tracker.custody.keep", "must be a time from 1h to 36500D, is " + age));
    if (custody.url().isEmpty()) {
      if (custody.keep().isPresent()) {
        faults.add("tracker.custody.keep", "does nothing without tracker.custody.url");
      }
      if (custody.publicBase().isPresent()) {
        faults.add("tracker.custody.public-base", "does nothing without tracker.custody.url");
      }
      return;
    }
    storage("tracker.custody.url", custody.url().get());
    custody
        .publicBase()
        .ifPresent(
            base -> {
              web("tracker.custody.public-base", base.toString());
              if (!custody.url().get().startsWith("s3:")) {
                faults.add("tracker.custody.public-base", "is of a bucket alone");
              }
            });
    if (config.getConfigMapping(ResultConfig.class).resultHosts().isEmpty()) {
      faults.add("kling.result-hosts", "must name Kling's hosts with tracker.custody.url");
    }
  }

  private void storage(String key, String url) {
    try {
      Storage.of(url, config.getConfigMapping(StorageConfig.class)).check();
    } catch (IllegalArgumentException | IOException e) {
      faults.add(key, e.getMessage() + ", is " + url);
    }
  }

  private void web(String key, String value) {
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
    faults.add(key, "must be an absolute http or https URL, is '" + value + "'");
  }

  /** The value, or null with a fault. */
  private @Nullable String required(String key) {
    try {
      Optional<String> value =
          config.getOptionalValue(key, String.class).filter(given -> !given.isBlank());
      if (value.isEmpty()) {
        faults.add(key, "is required and not set");
      }
      return value.orElse(null);
    } catch (IllegalArgumentException | NoSuchElementException e) {
      faults.add(key, "cannot be read: " + e.getMessage());
      return null;
    }
  }

  /** Walks a mapping's getters, nested groups and maps of groups included. */
  private void bounds(String prefix, Class<?> type, Object values) {
    for (Method getter : type.getMethods()) {
      if (getter.getParameterCount() == 0 && Modifier.isAbstract(getter.getModifiers())) {
        bound(name(prefix, getter), get(getter, values));
      }
    }
  }

  private void bound(String key, @Nullable Object value) {
    if (value instanceof Number number && number.doubleValue() < 0) {
      faults.add(key, "must not be negative, is " + number);
    } else if (value instanceof Duration duration && (duration.isZero() || duration.isNegative())) {
      faults.add(key, "must be a time above 0, is " + duration);
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
}
