package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.spi.ConfigSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StartupCheckTest {

  private static final Map<String, String> GOOD =
      Map.of(
          "quarkus.datasource.jdbc.url", "jdbc:postgresql://localhost/tracker",
          "kafka.bootstrap.servers", "localhost:9092",
          "tracker.public-url", "https://tracker.example.com",
          "tracker.secret", "0123456789abcdef0123456789abcdef",
          "kling.accounts.default.api-key", "0a1b2c3d4e5f6g7h");

  @Test
  void a_usable_configuration_has_no_fault() {
    assertEquals(Optional.empty(), fault(GOOD));
  }

  @ParameterizedTest
  @CsvSource({
    "quarkus.datasource.jdbc.url,",
    "quarkus.datasource.jdbc.url, jdbc:mysql://localhost/x",
    "kafka.bootstrap.servers,",
    "tracker.public-url,",
    "tracker.public-url, tracker.example.com",
    "tracker.public-url, ftp://example.com",
    "tracker.secret,",
    "tracker.secret, short",
    "tracker.retention.news, 59m",
    "tracker.retention.usage, 31D",
    "tracker.retention.audit, 36501D",
    "tracker.previous-secrets, short",
    "quarkus.http.idle-timeout, 90s",
    "tracker.http.answer-time, 60s",
    "tracker.expire-after, 0s",
    "tracker.expire-after, soon",
    "tracker.dispatch.max-in-flight, -1",
    "tracker.dispatch.max-in-flight, many",
    "kling.accounts.default.base-url, nowhere",
    "kling.accounts.default.max-parallel, 0",
    "kling.accounts.default.max-parallel, five",
    "kling.accounts.default.max-parallel-video, 0",
    "kling.accounts.default.max-parallel-image, many",
    "kling.accounts.default.max-parallel-try-on, 10001",
    "kling.accounts.default.access-key, half",
    "kling.accounts.default.webhook-secrets, whsec_!!",
    "kling.timeout.read, -5s",
    "kling.proxy, socks5://proxy.example.com:1080",
    "kling.proxy, proxy.example.com:3128",
    "kling.trusted-certificates, no-such-file.pem",
    "kling.trusted-certificates, pom.xml",
    "tracker.operator.port, 0",
    "tracker.operator.port, 70000",
    "tracker.custody.url, /var/lib/results",
    "tracker.custody.url, s3://No/bucket",
    "tracker.custody.url, file:///proc/no/such",
    "tracker.custody.keep, 30D",
    "tracker.custody.keep, 5m",
    "tracker.custody.warn, 30D",
    "tracker.custody.public-base, https://cdn.example.com",
    "tracker.archive.url, results",
  })
  void a_missing_or_senseless_value_is_one_line_that_names_the_key(String key, String value) {
    Map<String, String> bad = new HashMap<>(GOOD);
    if (value == null) {
      bad.remove(key);
    } else {
      bad.put(key, value);
    }

    String line = fault(bad).orElseThrow();

    String named = key.endsWith(".access-key") ? key.replace("access-key", "secret-key") : key;
    assertTrue(line.contains(named), line);
    assertFalse(line.contains("\n"), line);
    assertFalse(value != null && value.equals("0123456789"), line);
  }

  @Test
  void no_account_at_all_is_a_fault() {
    Map<String, String> bad = new HashMap<>(GOOD);
    bad.remove("kling.accounts.default.api-key");

    assertTrue(fault(bad).orElseThrow().contains("kling.accounts"));
  }

  @Test
  void a_circle_of_models_is_a_fault() {
    Map<String, String> bad = new HashMap<>(GOOD);
    bad.put("kling.models.fast", "cheap");
    bad.put("kling.models.cheap", "fast");

    assertTrue(fault(bad).orElseThrow().contains("kling.models."));
  }

  @Test
  void an_identity_provider_without_an_audience_is_a_fault() {
    Map<String, String> people = new HashMap<>(GOOD);
    people.put("quarkus.oidc.tenant-enabled", "true");
    assertTrue(fault(people).orElseThrow().contains("quarkus.oidc.auth-server-url"));
    people.put("quarkus.oidc.auth-server-url", "https://login.example.com/realms/acme");
    assertTrue(fault(people).orElseThrow().contains("quarkus.oidc.token.audience"));
    people.put("quarkus.oidc.token.audience", "kling-task-tracker");
    assertEquals(Optional.empty(), fault(people));
  }

  @ParameterizedTest
  @CsvSource({
    "quarkus.oidc.token.header,X-Token",
    "quarkus.oidc.token.authorization-scheme,Token",
    "quarkus.oidc.application-type,hybrid",
    "quarkus.oidc.application-type,web-app",
    "quarkus.oidc.other.auth-server-url,https://elsewhere.example.com",
    "quarkus.oidc.\"a.b\".public-key,MIIB",
    "QUARKUS_OIDC_OTHER_AUTH_SERVER_URL,https://elsewhere.example.com",
    "quarkus.http.auth.form.enabled,true",
    "quarkus.http.auth.basic,true",
  })
  void what_would_verify_another_token_than_the_one_that_is_read_is_a_fault(
      String key, String value) {
    Map<String, String> people = new HashMap<>(GOOD);
    people.put(key, value);
    assertEquals(Optional.empty(), fault(people), "without a provider nothing is wrong with it");
    people.put("quarkus.oidc.tenant-enabled", "true");
    people.put("quarkus.oidc.auth-server-url", "https://login.example.com/realms/acme");
    people.put("quarkus.oidc.token.audience", "kling-task-tracker");
    String line = fault(people).orElseThrow();
    assertTrue(line.startsWith(key + " "), line);
    assertFalse(line.contains("\n"), line);
  }

  @Test
  void the_header_that_is_read_anyway_may_be_named() {
    Map<String, String> people = new HashMap<>(GOOD);
    people.put("quarkus.oidc.tenant-enabled", "true");
    people.put("quarkus.oidc.auth-server-url", "https://login.example.com/realms/acme");
    people.put("quarkus.oidc.token.audience", "kling-task-tracker");
    people.put("quarkus.oidc.token.header", "authorization");
    people.put("quarkus.oidc.application-type", "service");
    assertEquals(Optional.empty(), fault(people));
  }

  @Test
  void every_mapping_is_checked() {
    Set<String> mappings =
        new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages("io.klingtracker")
                .stream()
                .filter(type -> type.isAnnotatedWith(ConfigMapping.class))
                .map(JavaClass::getName)
                .collect(Collectors.toCollection(TreeSet::new));

    assertEquals(
        mappings,
        StartupCheck.MAPPINGS.stream()
            .map(Class::getName)
            .collect(Collectors.toCollection(TreeSet::new)));
  }

  @Test
  void all_faults_are_told_at_once() {
    Map<String, String> bad = new HashMap<>(GOOD);
    bad.remove("kafka.bootstrap.servers");
    bad.put("tracker.secret", "short");
    bad.put("tracker.admin-key", "x");
    bad.put("tracker.dispatch.max-in-flight", "-1");
    bad.put("tracker.webook.per-host", "5");

    String line = fault(bad).orElseThrow();

    for (String key :
        List.of(
            "kafka.bootstrap.servers",
            "tracker.secret",
            "tracker.admin-key",
            "tracker.dispatch.max-in-flight",
            "tracker.webook.per-host")) {
      assertTrue(line.contains(key + " "), line);
    }
    assertFalse(line.contains("\n"), line);
  }

  @Test
  void values_of_the_wrong_type_hide_no_other_fault() {
    Map<String, String> bad = new HashMap<>(GOOD);
    bad.remove("tracker.public-url");
    bad.put("tracker.dispatch.max-in-flight", "many");
    bad.put("kling.timeout.read", "soon");
    bad.put("tracker.webook.per-host", "5");

    String line = fault(bad).orElseThrow();

    for (String key :
        List.of(
            "tracker.public-url",
            "tracker.dispatch.max-in-flight",
            "kling.timeout.read",
            "tracker.webook.per-host")) {
      assertTrue(line.contains(key), line);
    }
  }

  private static final String SIMULATED = "http://127.0.0.1:18090";
  private static final String REAL = "https://api-singapore.klingai.com";

  @Test
  void secrets_that_are_short_are_refused_even_beside_a_simulator() {
    for (String base : List.of(SIMULATED, REAL)) {
      Map<String, String> bad = new HashMap<>(GOOD);
      bad.put("kling.accounts.default.base-url", base);
      bad.put("tracker.admin-key", "letters");
      bad.put("tracker.bootstrap.api-key", "x");
      bad.put("tracker.bootstrap.secret-key", "letters");
      bad.put("tracker.bootstrap.webhook-secret", "whsec_YQ==");
      String line = fault(bad).orElseThrow();
      int least = base.equals(REAL) ? 16 : 8;
      assertEquals(
          "tracker.admin-key must have at least %d characters, has 7; ".formatted(least)
              + "tracker.bootstrap.api-key must have at least %d characters, has 1; "
                  .formatted(least)
              + "tracker.bootstrap.secret-key must have at least %d characters, has 7; "
                  .formatted(least)
              + "tracker.bootstrap.webhook-secret must have at least 24 bytes, has 1",
          line);
    }
  }

  /** Rounds of values that the documents show, or that can be guessed. */
  private static final List<Map<String, String>> GUESSED =
      List.of(
          Map.of(
              "tracker.admin-key", "local-admin-key",
              "tracker.bootstrap.api-key", "local-dev-key",
              "tracker.bootstrap.secret-key", "local-secret-0123456789abcdef",
              "tracker.bootstrap.webhook-secret",
                  "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi",
              "tracker.secret", "local-tracker-secret-0123456789abcdef0123456789",
              "kling.accounts.default.api-key", "local-dev-key",
              "quarkus.datasource.password", "replace-me"),
          Map.of(
              "tracker.admin-key", "twelve-chars",
              "tracker.secret", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
              "kling.accounts.default.api-key", "k"),
          Map.of(
              "tracker.admin-key", "xxxxxxxxxxxxxxxxxxxxxxxx",
              "tracker.secret", "for-trying-out-only-0123456789abcdef",
              "kling.accounts.default.access-key", "local-access",
              "kling.accounts.default.secret-key", "local-secret-0123456789abcdef"));

  @Test
  void examples_and_what_can_be_guessed_are_good_where_no_real_kling_is() {
    for (int i = 0; i < GUESSED.size(); i++) {
      Map<String, String> settings = new HashMap<>(GOOD);
      settings.putAll(GUESSED.get(i));
      settings.put(
          "kling.accounts.default.base-url",
          List.of(SIMULATED, "http://simulator:18090", "http://[::1]:1").get(i));
      assertEquals(Optional.empty(), fault(settings));
    }
  }

  /** Else nobody could leave it behind. */
  @Test
  void an_example_may_be_rotated_away() {
    Map<String, String> settings = new HashMap<>(GOOD);
    settings.put("kling.accounts.default.base-url", REAL);
    settings.put("tracker.secret", "kQ0v5mB9wY2rT8xZ4nH7sD1fG6jL3pCa");
    settings.put("tracker.previous-secrets", "for-trying-out-only-0123456789abcdef");
    Optional<String> fault = fault(settings);
    assertFalse(fault.orElse("").contains("previous-secrets"), fault.toString());
  }

  @Test
  void examples_and_what_can_be_guessed_are_refused_towards_the_real_kling() {
    for (Map<String, String> guessed : GUESSED) {
      Map<String, String> settings = new HashMap<>(GOOD);
      settings.putAll(guessed);
      String line = fault(settings).orElseThrow();
      guessed.forEach(
          (key, value) -> {
            assertTrue(line.contains(key + " "), key + " is missing: " + line);
            assertFalse(value.length() > 1 && line.contains(value), line);
          });
    }
  }

  @Test
  void one_real_account_beside_a_simulated_one_is_enough() {
    Map<String, String> settings = new HashMap<>(GOOD);
    settings.put("kling.accounts.default.base-url", SIMULATED);
    settings.put("kling.accounts.default.api-key", "k");
    settings.put("kling.accounts.second.api-key", "0a1b2c3d4e5f6g7h");
    settings.put("tracker.admin-key", "local-admin-key");
    assertEquals(
        "tracker.admin-key is an example that everybody knows;"
            + " towards the real Kling set one of your own",
        fault(settings).orElseThrow());
  }

  @Test
  void an_unknown_name_is_a_fault_that_names_the_nearest() {
    Map<String, String> nearest =
        Map.of(
            "tracker.webook.per-host", "tracker.webhook.per-host",
            "tracker.sceret", "tracker.secret",
            "%prod.tracker.dispatch.max-in-fligth", "tracker.dispatch.max-in-flight",
            "kling.accounts.default.max-paralel", "kling.accounts.default.max-parallel",
            "kling.acounts.default.weight", "kling.accounts.default.weight",
            "kling.model.fast", "kling.models.fast",
            "kling.models.my.model", "kling.models.");
    Map<String, String> bad = new HashMap<>(GOOD);
    nearest.keySet().forEach(name -> bad.put(name, "5"));
    String line = fault(bad).orElseThrow();
    nearest.forEach(
        (name, known) ->
            assertTrue(line.contains(name + " is no setting; the nearest is " + known), line));
  }

  @Test
  void names_of_maps_lists_and_profiles_are_known() {
    Map<String, String> good = new HashMap<>(GOOD);
    good.put("kling.accounts.\"a.b\".api-key", "0a1b2c3d4e5f6g7h");
    good.put("kling.models.fast", "kling-v3");
    good.put("kling.models.\"my.model\"", "kling-v3");
    good.put("kling.discontinued-models[0]", "kling-v1");
    good.put("tracker.previous-secrets[0]", "fedcba9876543210fedcba9876543210");
    good.put("%test.tracker.dispatch.max-in-flight", "5");
    good.put("tracker.events.topics.partitions", "3");
    assertEquals(Optional.empty(), fault(good));
  }

  @ParameterizedTest
  @CsvSource({
    "TRACKER_WEBOOK_PER_HOST, TRACKER_WEBHOOK_PER_HOST",
    "TRACKR_SECRET, TRACKER_SECRET",
    "TRACKER_SCERET, TRACKER_SECRET",
    "TRACKER_SECRETS, TRACKER_SECRET",
    "TRACKER_PREVIOUS_SECRET_0_, TRACKER_PREVIOUS_SECRETS_0_",
    "KLING_ACCOUNT_DEFAULT_WEIGHT, KLING_ACCOUNTS_DEFAULT_WEIGHT",
    "KLING_ACCOUNTS_MY_OWN_API_KY, KLING_ACCOUNTS_MY_OWN_API_KEY",
    "KLING_ACCOUNTS_MY_OWN_APIKEY, KLING_ACCOUNTS_MY_OWN_API_KEY",
    "KLING_ACCOUNTS_A_BASE_URLS, KLING_ACCOUNTS_A_BASE_URL",
    "KLING_MODEL_FAST, KLING_MODELS_FAST"
  })
  void a_variable_one_edit_away_from_a_setting_is_a_fault(String variable, String meant) {
    StartupCheck.Findings found = environment(Map.of(variable, "5"));

    assertEquals(List.of(variable + " sets nothing; the nearest is " + meant), found.faults());
    assertEquals(List.of(), found.warnings());
  }

  @Test
  void the_environment_is_everybody_s_so_other_variables_are_one_warning() {
    StartupCheck.Findings found =
        environment(
            Map.of(
                "TRACKER_WEBOOK_PERHOST", "5",
                "KLING_ACCOUNTS_SECOND_MAXPARALEL", "5",
                "TRACKER_WEBHOOK_PER_HOST", "5",
                "KLING_ACCOUNTS_MY_OWN_API_KEY", "0a1b2c3d4e5f6g7h",
                "TRACKER_PREVIOUS_SECRETS_0_", "0123456789abcdef0123456789abcdeg",
                "PATH", "/bin"));

    assertEquals(List.of(), found.faults());
    assertEquals(
        List.of(
            "variables that set nothing: KLING_ACCOUNTS_SECOND_MAXPARALEL, the nearest is"
                + " KLING_ACCOUNTS_<NAME>_MAX_PARALLEL;"
                + " TRACKER_WEBOOK_PERHOST, the nearest is TRACKER_WEBHOOK_PER_HOST"),
        found.warnings());
  }

  @Test
  void what_kubernetes_injects_is_nobody_s_mistake() {
    StartupCheck.Findings found =
        environment(
            Map.of(
                "KLING_TASK_TRACKER_PORT", "tcp://10.0.0.1:80",
                "KLING_TASK_TRACKER_SERVICE_HOST", "10.0.0.1",
                "KLING_TASK_TRACKER_SERVICE_PORT_HTTP", "80",
                "KLING_TASK_TRACKER_ANYTHING", "1",
                "TRACKER_SERVICE_HOST", "10.0.0.2",
                "TRACKER_OPERATORS_PORT", "tcp://10.0.0.2:80",
                "KLING_MOCK_PORT_80_TCP_ADDR", "10.0.0.3"));

    assertEquals(List.of(), found.faults());
    assertEquals(List.of(), found.warnings());
  }

  @Test
  void what_is_printed_says_where_it_comes_from_and_no_secret() {
    Map<String, String> settings = new HashMap<>(GOOD);
    settings.put(
        "quarkus.datasource.jdbc.url", "jdbc:postgresql://db/tracker?user=u&password=hidden-1");
    settings.put("quarkus.datasource.password", "hidden-2");
    settings.put("tracker.admin-key", "hidden-3-0123456789");
    settings.put("kling.proxy", "http://user:hidden-4@proxy.example.com:3128");
    settings.put("kafka.sasl.jaas.config", "org.x.Login required password=\"hidden-9\";");
    settings.put("kafka.linger.ms", "5");
    settings.put("kling.models.\"kling-v1.6\"", "kling-v2");
    settings.put("tracker.dispatch.retry-cap", "90s");
    settings.put("kling.accounts.second.access-key", "hidden-5-0123456789");
    settings.put("kling.accounts.second.secret-key", "hidden-6-0123456789");
    settings.put("tracker.previous-secrets", "hidden-7-0123456789abcdef0123456789abcdef");
    settings.put(
        "kling.accounts.second.webhook-secrets", "whsec_aGlkZGVuLTgtMDEyMzQ1Njc4OWFiY2RlZjAx");

    List<String> lines =
        findings(new PropertiesConfigSource(settings, "test", 100)).settings().get();

    for (String shown :
        List.of(
            "tracker.public-url=https://tracker.example.com  # file test",
            "tracker.secret=****  # file test",
            "kling.proxy=http://****@proxy.example.com:3128  # file test",
            "quarkus.datasource.jdbc.url=jdbc:postgresql://db/tracker?user=u&password=****  # file test",
            "kafka.sasl.jaas.config=****  # file test",
            "kafka.linger.ms=5  # file test",
            "tracker.http.max-submissions=512  # default",
            "tracker.dispatch.retry-cap=90s  # file test, default 60s",
            "tracker.retention.tasks=  # not set",
            "kling.accounts.second.max-parallel=5  # default",
            "kling.accounts.second.max-parallel-video=  # not set",
            "kling.models.\"kling-v1.6\"=kling-v2  # file test",
            "tracker.callback.verify=unsigned  # default")) {
      assertTrue(lines.contains(shown), shown + lines);
    }
    KnownSettings.of(StartupCheck.MAPPINGS).all(settings.keySet()).keySet().stream()
        .filter(key -> lines.stream().noneMatch(line -> line.startsWith(key + "=")))
        .forEach(key -> fail(key + " is not printed"));
    assertTrue(
        lines.stream()
            .noneMatch(
                line ->
                    line.contains("hidden")
                        || line.contains("aGlkZGVu")
                        || line.contains("0123456789")),
        lines::toString);
  }

  private static Optional<String> fault(Map<String, String> values) {
    return findings(new PropertiesConfigSource(values, "test", 100)).fault();
  }

  private static StartupCheck.Findings environment(Map<String, String> variables) {
    return findings(
        new PropertiesConfigSource(GOOD, "test", 100), new EnvConfigSource(variables, 300));
  }

  private static StartupCheck.Findings findings(ConfigSource... sources) {
    return StartupCheck.findings(
        () ->
            new SmallRyeConfigBuilder()
                .addDefaultInterceptors()
                .addDiscoveredConverters()
                .withValidateUnknown(false)
                .withSources(sources));
  }
}
