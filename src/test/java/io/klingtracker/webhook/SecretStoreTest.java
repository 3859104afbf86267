package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Secrets;
import io.klingtracker.signature.SigningSecret;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SecretStoreTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final Duration DAY = Duration.ofHours(24);
  private static final SigningSecret GIVEN =
      SigningSecret.parse("whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi");

  @BeforeEach
  void a_tenant() {
    Rows.tenants(database.jdbi(), "acme");
  }

  @Test
  void a_tenant_without_a_secret_gets_one_and_keeps_it() {
    String made = store(T0).live("acme").get(0).reveal();

    store(T0).putFirst("acme", GIVEN);
    assertEquals(List.of(made), reveal(store(T0.plus(DAY)).live("acme")));
  }

  @Test
  void a_first_secret_is_put_in_place_once() {
    store(T0).putFirst("acme", GIVEN);
    store(T0).putFirst("acme", GIVEN);

    assertEquals(List.of(GIVEN.reveal()), reveal(store(T0).live("acme")));
  }

  @Test
  void both_secrets_sign_for_a_day_after_a_rotation() {
    store(T0).putFirst("acme", GIVEN);
    String fresh = store(T0).rotate("acme", null, DAY).reveal();

    assertEquals(
        List.of(fresh, GIVEN.reveal()), reveal(store(T0.plus(DAY).minusMillis(1)).live("acme")));
    assertEquals(List.of(fresh), reveal(store(T0.plus(DAY)).live("acme")));
  }

  @Test
  void a_rotation_in_an_emergency_ends_the_former_secret_at_once() {
    SecretStore store = store(T0);
    store.putFirst("acme", GIVEN);
    assertEquals(1, store.live("acme").size());
    String fresh = store.rotate("acme", null, Duration.ZERO).reveal();

    assertEquals(List.of(fresh), reveal(store.live("acme")));
  }

  @Test
  void no_more_than_four_secrets_live_at_once() {
    for (int i = 0; i < 4; i++) {
      store(T0).rotate("acme", null, DAY);
    }
    assertThrows(ProblemException.class, () -> store(T0).rotate("acme", null, DAY));
    assertEquals(4, store(T0).live("acme").size());
  }

  @Test
  void no_more_than_four_secrets_live_however_many_rotate_at_once() throws Exception {
    ExecutorService callers = Executors.newFixedThreadPool(20);
    CountDownLatch together = new CountDownLatch(20);
    try {
      List<Future<Boolean>> rotations = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        rotations.add(
            callers.submit(
                () -> {
                  together.countDown();
                  together.await();
                  try {
                    store(T0).rotate("acme", null, DAY);
                    return true;
                  } catch (ProblemException e) {
                    assertEquals(ErrorCode.CONFLICT, e.code());
                    return false;
                  }
                }));
      }
      int made = 0;
      for (Future<Boolean> rotation : rotations) {
        made += rotation.get(120, TimeUnit.SECONDS) ? 1 : 0;
      }
      assertEquals(4, made);
    } finally {
      callers.shutdownNow();
    }
    assertEquals(4, store(T0).describe("acme").size());
  }

  @Test
  void what_is_stored_opens_only_with_the_root_secret() {
    store(T0).putFirst("acme", GIVEN);
    byte[] stored =
        database
            .jdbi()
            .withHandle(
                h -> h.createQuery("select sealed from webhook_secret").mapTo(byte[].class).one());

    assertFalse(
        new String(stored, StandardCharsets.ISO_8859_1)
            .contains(new String(GIVEN.key(), StandardCharsets.ISO_8859_1)));
    SecretStore stranger =
        new SecretStore(
            database.jdbi(),
            new Secrets("another-root-secret-0123456789abcdef", List.of()),
            Clock.fixed(T0, ZoneOffset.UTC));
    assertThrows(IllegalStateException.class, () -> stranger.live("acme"));
  }

  private static SecretStore store(Instant now) {
    return new SecretStore(database.jdbi(), SenderRig.ROOT, Clock.fixed(now, ZoneOffset.UTC));
  }

  private static List<String> reveal(List<SigningSecret> secrets) {
    return secrets.stream().map(SigningSecret::reveal).toList();
  }
}
