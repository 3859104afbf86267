package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.status;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.Credential;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingOverHttp;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.SimulatorSettings;
import io.klingtracker.task.GivenTask;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.KlingAccounts;
import io.vertx.core.Vertx;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An account has two credentials, and what becomes of one is not what becomes of the other. */
class CredentialsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String LEGACY = "text2video";
  private static final String NEWER = "text-to-video";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00.123Z"));
  private final ScriptedKling kling = new ScriptedKling();
  private final Map<String, String> settings = new HashMap<>();
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeEach
  void tenant() {
    Rows.tenants(jdbi, "acme");
    settings.put("kling.accounts.default.api-key", "key");
    settings.put("kling.accounts.default.access-key", "access");
    settings.put("kling.accounts.default.secret-key", "secret");
  }

  @AfterEach
  void close() {
    replicas.forEach(Replica::close);
  }

  @ParameterizedTest
  @CsvSource({"API_KEY, text-to-video, text2video", "KEY_PAIR, text2video, text-to-video"})
  void one_that_is_not_taken_is_parked_and_the_other_flows(
      Credential credential, String broken, String sound) {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.AccountRefused(1002, "api key not found", credential));
    String waits = submit(replica, broken);
    pass(replica);
    String flows = submit(replica, sound);
    String waitsToo = submit(replica, broken);
    pass(replica);

    assertEquals(List.of(waits, flows), kling.created);
    assertEquals("submitted", status(jdbi, flows));
    KlingAccounts.State account = replica.accounts.all().get(0);
    assertFalse(account.isParked());
    assertEquals(credential.label(), account.parked().get(0).credential());
    assertEquals(1002, account.parked().get(0).code());
    replica.metrics.accounts(replica.accounts.all(), name -> 0);
    assertEquals(
        1002,
        replica
            .meters
            .get("tracker.dispatch.credential.parked")
            .tag("credential", credential.label())
            .gauge()
            .value());
    HealthCheckResponse health = new AccountHealth(replica.metrics).call();
    assertEquals(HealthCheckResponse.Status.DOWN, health.getStatus());
    String shown = String.valueOf(health.getData().orElseThrow().get("default"));
    assertTrue(shown.startsWith("its " + credential.label() + " parked with 1002"), shown);
    clock.advance(Duration.ofSeconds(1));
    String reason =
        replica.explainer.explain("acme", waitsToo).orElseThrow().queueStatus().reason();
    assertTrue(reason.contains("its " + credential.label() + ", is parked: 1002"), reason);

    // A probe with one task; the acceptance is proof that it is over.
    clock.advance(Duration.ofMinutes(2));
    pass(replica);
    pass(replica);
    assertEquals("submitted", status(jdbi, waits));
    assertEquals("submitted", status(jdbi, waitsToo));
    assertEquals(List.of(), replica.accounts.all().get(0).parked());
  }

  @Test
  void where_there_is_only_one_it_is_the_account() {
    settings.remove("kling.accounts.default.access-key");
    settings.remove("kling.accounts.default.secret-key");
    Replica replica = replica();
    kling.creates.add(
        new CreateAnswer.AccountRefused(1002, "api key not found", Credential.API_KEY));
    submit(replica, NEWER);
    pass(replica);
    submit(replica, LEGACY);
    pass(replica);

    assertEquals(1, kling.created.size());
    assertTrue(replica.accounts.all().get(0).isParked());
  }

  @Test
  void a_model_under_a_name_of_the_other_generation_waits_alone() {
    Replica replica = replica();
    kling.creates.add(
        new CreateAnswer.AccountRefused(1002, "api key not found", Credential.API_KEY));
    String mapped = submit(replica, NEWER, "kling-v3");
    pass(replica);
    String flows = submit(replica, LEGACY, "kling-v2-6");
    pass(replica);
    pass(replica);

    assertEquals(List.of(mapped, flows), kling.created);
  }

  @ParameterizedTest
  @CsvSource({"API_KEY, kling-v3, text2video", "KEY_PAIR, kling-3.0, text-to-video"})
  void a_model_without_a_row_waits_for_itself_alone(
      Credential credential, String known, String kind) {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.AccountRefused(1002, "not found", credential));
    String broken =
        submit(
            replica,
            credential == Credential.API_KEY ? NEWER : LEGACY,
            credential == Credential.API_KEY ? "kling-3.0" : "kling-v3");
    pass(replica);
    String flows = submit(replica, kind, "kling-9");
    String flowsToo = submit(replica, kind, known);
    pass(replica);
    pass(replica);

    assertEquals(Set.of(broken, flows, flowsToo), Set.copyOf(kling.created));
    assertEquals(3, kling.created.size());
  }

  @Test
  void a_resumed_account_is_tried_at_once() {
    Replica replica = replica();
    kling.creates.add(
        new CreateAnswer.AccountRefused(1002, "api key not found", Credential.API_KEY));
    String task = submit(replica, NEWER);
    pass(replica);

    assertTrue(replica.accounts.resume("default"));
    pass(replica);

    assertEquals("submitted", status(jdbi, task));
  }

  @ParameterizedTest
  @CsvSource({"false, true, text2video", "true, false, text-to-video"})
  void with_the_real_client_and_a_kling_that_does_not_know_one(
      boolean knowsKey, boolean knowsPair, String flowing) throws Exception {
    Vertx vertx = Vertx.vertx();
    SimulatorSettings at = new SimulatorSettings().apiKey("default", knowsKey ? "key" : "former");
    at.account("default", knowsPair ? "access" : "former", "secret");
    try (KlingSimulator simulator = new KlingSimulator(at).start()) {
      settings.put("kling.accounts.default.base-url", simulator.url());
      KlingConfig config = Replica.config(settings).getConfigMapping(KlingConfig.class);
      Clock now = Clock.systemUTC();
      Replica replica = new Replica(jdbi, now, settings, KlingOverHttp.client(vertx, config, now));
      replicas.add(replica);
      String legacy = submit(replica, LEGACY);
      String newer = submit(replica, NEWER);
      for (int i = 0; i < 3; i++) {
        replica.dispatch();
      }

      assertEquals(flowing.equals(LEGACY) ? "submitted" : "queued", status(jdbi, legacy));
      assertEquals(flowing.equals(NEWER) ? "submitted" : "queued", status(jdbi, newer));
      assertEquals(1, simulator.ledger().accepted());
    } finally {
      vertx.close().toCompletionStage().toCompletableFuture().get();
    }
  }

  private Replica replica() {
    Replica replica = new Replica(jdbi, clock, settings, kling);
    replicas.add(replica);
    return replica;
  }

  private String submit(Replica replica, String kind) {
    return submit(replica, kind, kind.equals(NEWER) ? "kling-3.0" : "kling-v3");
  }

  private String submit(Replica replica, String kind, String model) {
    clock.advance(Duration.ofMillis(1));
    String body =
        kind.equals(NEWER)
            ? "{\"prompt\":\"a cat\"}"
            : "{\"model_name\":\"%s\",\"prompt\":\"a cat\"}".formatted(model);
    return GivenTask.of("acme").kind(kind).body(body).model(model).submit(replica.tasks);
  }

  private void pass(Replica replica) {
    clock.advance(Duration.ofMillis(500));
    replica.dispatch();
  }
}
