package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Secrets;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ConsoleSessionsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String ADMIN_KEY = "an-admin-key-0123456789";
  private static final String ADDRESS = "192.0.2.1";
  private static final Duration CACHE = Duration.ofSeconds(5);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-06-10T08:00:00.000Z"));
  private final String key = KeyFormat.API.make();
  private final String tenant = "t-" + UUID.randomUUID();
  private ConsoleSessions sessions;
  private ConsoleSessions otherReplica;

  @BeforeEach
  void a_tenant_with_a_key() {
    jdbi.useHandle(
        handle -> {
          handle.execute(
              "insert into tenant (id, name, created_at) values (?, 'x', now())", tenant);
          handle.execute(
              "insert into api_key (id, tenant_id, scopes, name, prefix, key_hash, access_key, secret_sealed, created_at)"
                  + " values (gen_random_uuid(), ?, 'read', 'x', 'sk-', ?, ?, '', now())",
              tenant,
              KeyFormat.hash(key),
              KeyFormat.ACCESS.make());
        });
    sessions = sessions();
    otherReplica = sessions();
  }

  private ConsoleSessions sessions() {
    TenantConfig config =
        Settings.of(
            TenantConfig.class,
            new HashMap<>(
                Map.of(
                    "tracker.admin-key",
                    ADMIN_KEY,
                    "tracker.keys.cache",
                    CACHE.toSeconds() + "s")));
    Secrets secrets = new Secrets("0123456789abcdef0123456789abcdef", List.of());
    KeyStore keys =
        new KeyStore(
            jdbi, new ObjectMapper(), clock, Settings.of(KlingConfig.class, new HashMap<>()));
    return new ConsoleSessions(
        new ConsoleSessionStore(jdbi),
        new KeyAuthenticator(keys, secrets, clock, new ObjectMapper(), config),
        secrets,
        config,
        clock);
  }

  private boolean isIn(ConsoleSessions replica, String id) {
    return replica.enter(id, null).isPresent();
  }

  private void wait(Duration time) {
    clock.advance(time);
  }

  @Test
  void a_session_is_good_on_every_replica_and_is_the_keys_tenants() {
    String id = sessions.signIn(key, ADDRESS);

    ConsoleSessions.Entered entered = otherReplica.enter(id, null).orElseThrow();

    assertEquals(tenant, entered.caller().tenant());
    assertFalse(entered.session().administrator());
    assertNotEquals(id, sessions.signIn(key, ADDRESS));
  }

  @Test
  void another_tenant_in_the_url_is_nothing_to_a_tenants_key() {
    String id = sessions.signIn(key, ADDRESS);

    assertEquals(tenant, sessions.enter(id, "somebody").orElseThrow().caller().tenant());
  }

  @Test
  void an_administrator_chooses_a_tenant_by_the_url() {
    String id = sessions.signIn(ADMIN_KEY, ADDRESS);

    assertEquals(null, sessions.enter(id, null).orElseThrow().caller().tenant());
    assertEquals(tenant, sessions.enter(id, tenant).orElseThrow().caller().tenant());
    assertTrue(sessions.enter(id, tenant).orElseThrow().session().administrator());
    assertEquals(
        ErrorCode.NOT_FOUND,
        assertThrows(ProblemException.class, () -> sessions.enter(id, "nobody")).code());
  }

  @Test
  void an_hour_without_use_ends_it_and_use_keeps_it_until_twelve() {
    String id = sessions.signIn(key, ADDRESS);
    for (int hours = 0; hours < 12; hours++) {
      assertTrue(isIn(sessions, id), hours + " hours");
      wait(ConsoleSessions.IDLE.minusMinutes(2));
      assertTrue(isIn(sessions, id), hours + " hours and a little less than one more");
      wait(Duration.ofMinutes(2));
    }
    wait(CACHE);
    assertFalse(isIn(sessions, id), "after twelve hours");

    String idle = sessions.signIn(key, ADDRESS);
    wait(ConsoleSessions.IDLE.plusSeconds(1));
    assertFalse(isIn(sessions, idle), "after an hour without use");
  }

  @Test
  void signing_out_ends_it_here_at_once_and_elsewhere_soon() {
    String id = sessions.signIn(key, ADDRESS);
    assertTrue(isIn(otherReplica, id));

    sessions.signOut(id);

    assertFalse(isIn(sessions, id));
    wait(CACHE);
    assertFalse(isIn(otherReplica, id));
  }

  @Test
  void a_revoked_key_ends_its_sessions() {
    String id = sessions.signIn(key, ADDRESS);
    jdbi.useHandle(
        handle ->
            handle.execute(
                "update api_key set revoked_at = now() where key_hash = ?", KeyFormat.hash(key)));

    wait(CACHE.plusMillis(1));

    assertFalse(isIn(sessions, id));
    assertFalse(isIn(otherReplica, id));
  }

  @Test
  void made_up_ids_are_nobodys() {
    for (String id : List.of("", ".", "a.b", "x".repeat(500), "a." + "b".repeat(32))) {
      assertFalse(isIn(sessions, id), id);
    }
  }

  @Test
  void a_key_has_so_many_sessions_and_the_oldest_ends_for_a_new_one() {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i <= ConsoleSessions.PER_KEY; i++) {
      ids.add(sessions.signIn(key, ADDRESS));
      wait(Duration.ofMillis(10));
    }

    assertFalse(isIn(otherReplica, ids.get(0)));
    assertTrue(isIn(otherReplica, ids.get(1)));
    assertTrue(isIn(otherReplica, ids.get(ids.size() - 1)));
  }

  @Test
  void who_fails_too_often_waits() {
    ProblemException last = null;
    for (int i = 0; i <= ConsoleSessions.MAX_FAILURES + 1; i++) {
      last =
          assertThrows(
              ProblemException.class, () -> sessions.signIn(KeyFormat.API.make(), ADDRESS));
    }
    assertEquals(ErrorCode.RATE_LIMITED, last.code());
    assertEquals(
        ErrorCode.RATE_LIMITED,
        assertThrows(ProblemException.class, () -> sessions.signIn(key, ADDRESS)).code());
    assertTrue(isIn(sessions, sessions.signIn(key, "198.51.100.7")));
    wait(Duration.ofMinutes(1));
    assertTrue(isIn(sessions, sessions.signIn(key, ADDRESS)));
  }

  @Test
  void a_link_signs_in_once() {
    String token = sessions.oneTimeToken(ADMIN_KEY);

    assertTrue(sessions.signInOnce("other", ADDRESS).isEmpty());
    String id = sessions.signInOnce(token, ADDRESS).orElseThrow();
    assertTrue(isIn(sessions, id));
    assertTrue(sessions.signInOnce(token, ADDRESS).isEmpty());

    String late = sessions.oneTimeToken(ADMIN_KEY);
    wait(ConsoleSessions.LINK_LIFE.plusSeconds(1));
    assertTrue(sessions.signInOnce(late, ADDRESS).isEmpty());
  }

  @Test
  void a_form_is_its_sessions_own() {
    ConsoleSession one =
        sessions.enter(sessions.signIn(key, ADDRESS), null).orElseThrow().session();
    ConsoleSession two =
        sessions.enter(sessions.signIn(key, ADDRESS), null).orElseThrow().session();

    otherReplica.checkForm(one, sessions.formToken(one));
    assertThrows(ProblemException.class, () -> sessions.checkForm(one, sessions.formToken(two)));
    assertThrows(ProblemException.class, () -> sessions.checkForm(one, null));
    assertThrows(ProblemException.class, () -> sessions.checkForm(one, ""));
  }

  @Test
  void sessions_that_have_ended_go() {
    sessions.signIn(key, ADDRESS);
    wait(ConsoleSessions.LIFE.plusSeconds(1));

    sessions.signIn(key, ADDRESS);

    int left =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery("select count(*) from console_session where key_hash = :key")
                    .bind("key", KeyFormat.hash(key))
                    .mapTo(Integer.class)
                    .one());
    assertEquals(1, left);
  }
}
