package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
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
          "kling.accounts.default.api-key", "key");

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
    "tracker.previous-secrets, short",
    "tracker.expire-after, 0s",
    "tracker.expire-after, soon",
    "tracker.dispatch.batch, -1",
    "tracker.dispatch.batch, many",
    "kling.accounts.default.base-url, nowhere",
    "kling.accounts.default.max-parallel, 0",
    "kling.accounts.default.max-parallel, five",
    "kling.accounts.default.access-key, half",
    "kling.accounts.default.webhook-secrets, whsec_!!",
    "kling.timeout.read, -5s",
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
  void a_circle_that_a_tenant_s_own_names_close_is_a_fault() {
    Map<String, String> bad = new HashMap<>(GOOD);
    bad.put("kling.models.fast", "cheap");
    bad.put("kling.tenant-models.acme.cheap", "fast");

    assertTrue(fault(bad).orElseThrow().contains("kling.tenant-models.acme"));
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

  private static Optional<String> fault(Map<String, String> values) {
    return StartupCheck.fault(
        new SmallRyeConfigBuilder()
            .addDiscoveredConverters()
            .withSources(new PropertiesConfigSource(values, "test", 100)));
  }
}
