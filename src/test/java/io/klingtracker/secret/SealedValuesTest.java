package io.klingtracker.secret;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is sealed in the database, over a change of {@code tracker.secret}. */
class SealedValuesTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  private static final String OLD = "old-0123456789abcdef0123456789abcdef";
  private static final String NEW = "new-0123456789abcdef0123456789abcdef";
  private static final byte[] PAIR = "secret of a pair".getBytes(StandardCharsets.UTF_8);

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

  @Test
  void a_secret_that_opens_nothing_ends_the_start_in_one_line() {
    values(NEW).onStart(new StartupEvent());
    store(new Secrets(OLD, List.of()), 3);

    values(OLD).onStart(new StartupEvent());
    values(NEW, OLD).onStart(new StartupEvent());
    ConfigurationException refused =
        assertThrows(ConfigurationException.class, () -> values(NEW).onStart(new StartupEvent()));

    assertTrue(String.valueOf(refused.getMessage()).contains("tracker.previous-secrets"));
    assertFalse(String.valueOf(refused.getMessage()).contains("\n"));
  }

  @Test
  void what_the_previous_secret_sealed_opens_with_the_new_one_alone_after_a_pass() {
    store(new Secrets(OLD, List.of()), 1200);
    store(new Secrets(NEW, List.of()), 2);

    SealedValues rotating = values(NEW, OLD);
    assertFalse(rotating.runOnce());

    assertEquals(2404, gauge("current"));
    assertEquals(0, gauge("previous"));
    Secrets alone = new Secrets(NEW, List.of());
    for (String sealed :
        List.of("select secret_sealed from api_key", "select sealed from webhook_secret")) {
      List<byte[]> values =
          database.jdbi().withHandle(h -> h.createQuery(sealed).mapTo(byte[].class).list());
      assertEquals(1202, values.size());
      values.forEach(value -> assertArrayEquals(PAIR, alone.open(value)));
    }
  }

  @Test
  void what_no_secret_opens_is_counted_and_left_alone() {
    store(new Secrets(OLD, List.of()), 2);
    store(new Secrets(NEW, List.of()), 1);

    values(NEW).onStart(new StartupEvent());
    values(NEW).runOnce();

    assertEquals(4, gauge("none"));
    values(OLD, NEW).runOnce();
    assertEquals(0, gauge("none"));
    assertEquals(6, gauge("current"));
  }

  @Test
  void every_sealed_column_is_known() {
    Set<String> columns =
        database
            .jdbi()
            .withHandle(
                h ->
                    h.createQuery(
                            "select table_name || '.' || column_name from information_schema.columns"
                                + " where table_schema = current_schema and column_name like '%sealed%'")
                        .mapTo(String.class)
                        .set());
    assertEquals(
        SealedValues.PLACES.stream()
            .map(place -> place.table() + "." + place.column())
            .collect(Collectors.toSet()),
        columns);
  }

  private SealedValues values(String current, String... previous) {
    meters.clear();
    return new SealedValues(
        database.jdbi(), new Secrets(current, List.of(previous)), new Loops(), meters);
  }

  private double gauge(String under) {
    return meters.get("tracker.secrets.sealed").tag("under", under).gauge().value();
  }

  /** So many keys, and a webhook secret for each. */
  private void store(Secrets secrets, int count) {
    byte[] sealed = secrets.seal(PAIR);
    String tenant = "t-" + UUID.randomUUID();
    database
        .jdbi()
        .useHandle(
            h -> {
              h.execute("insert into tenant (id, name, created_at) values (?, 'x', now())", tenant);
              h.createUpdate(
                      """
                      insert into api_key (id, tenant_id, name, prefix, key_hash, access_key, secret_sealed, scopes, created_at)
                      select gen_random_uuid(), :tenant, 'k', 'p', sha256(cast(:tenant || n as bytea)), :tenant || n, :sealed,
                        'read', now()
                      from generate_series(1, :count) n
                      """)
                  .bind("tenant", tenant)
                  .bind("sealed", sealed)
                  .bind("count", count)
                  .execute();
              h.createUpdate(
                      """
                      insert into webhook_secret (tenant_id, sealed, created_at, expires_at)
                      select :tenant, :sealed, now(), case when n > 1 then now() end from generate_series(1, :count) n
                      """)
                  .bind("tenant", tenant)
                  .bind("sealed", sealed)
                  .bind("count", count)
                  .execute();
            });
  }
}
