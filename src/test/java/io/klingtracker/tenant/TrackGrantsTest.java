package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestDatabase;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who may track on which account: from before the upgrade, alone, and beside others. */
class TrackGrantsTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  private static final List<String> CONFIGURED = List.of("first", "second");

  @Test
  void the_upgrade_and_a_second_tenant_take_nothing_away() {
    Jdbi jdbi = database.jdbi();
    jdbi.useHandle(h -> h.execute("drop schema public cascade; create schema public"));
    FluentConfiguration flyway =
        Flyway.configure().dataSource(database.dataSource()).locations("classpath:db/migration");
    flyway.target("71").load().migrate();
    tenant(jdbi, "tracked");
    tenant(jdbi, "submitted");
    task(jdbi, 1, "tracked", "first");
    task(jdbi, 2, "submitted", "first");
    jdbi.useHandle(
        h -> {
          h.execute("insert into task_request (task_id, body) values (?, '{}')", id(2));
          h.execute(
              "insert into open_task (task_id, account, family, slots, next_check_at, tracked, ask_id) values (?, 'first', 'video', 0, now(), true, 'theirs')",
              id(1));
        });

    flyway.target("latest").load().migrate();
    KeyStore store =
        new KeyStore(
            jdbi,
            new ObjectMapper(),
            Clock.systemUTC(),
            Settings.of(
                KlingConfig.class,
                Map.of("kling.accounts.first.api-key", "k", "kling.accounts.second.api-key", "k")));

    assertEquals(Set.of("first", "second"), accounts(store, "tracked"), "before the first start");
    grant(jdbi, TenantRepository.NAME_GRANTED);
    assertEquals(Set.of("first", "second"), accounts(store, "tracked"));
    assertEquals(Set.of(), accounts(store, "submitted"));
    assertEquals(
        List.of("7 tracked", "theirs-1 tracked"),
        jdbi.withHandle(
            h ->
                h.createQuery("select id || ' ' || tenant_id from tracked_id order by id")
                    .mapTo(String.class)
                    .list()));

    // One alone has what is configured, and keeps that when another one comes.
    jdbi.useHandle(h -> h.execute("truncate tenant cascade"));
    grant(jdbi, TenantRepository.KEEP_THE_ONLY_ONES);
    tenant(jdbi, "alone");
    assertEquals(Set.of("first", "second"), accounts(store, "alone"));
    grant(jdbi, TenantRepository.KEEP_THE_ONLY_ONES);
    tenant(jdbi, "another");
    assertEquals(Set.of("first", "second"), accounts(store, "alone"));
    assertEquals(Set.of(), accounts(store, "another"));
    grant(jdbi, TenantRepository.KEEP_THE_ONLY_ONES);
    tenant(jdbi, "third");
    assertEquals(Set.of(), accounts(store, "another"));
  }

  private static Set<String> accounts(KeyStore store, String tenant) {
    return store.tenant(tenant).orElseThrow().trackAccounts();
  }

  private static void grant(Jdbi jdbi, String statement) {
    jdbi.useHandle(
        h -> h.createUpdate(statement).bindArray("configured", String.class, CONFIGURED).execute());
  }

  private static void tenant(Jdbi jdbi, String id) {
    jdbi.useHandle(
        h -> h.execute("insert into tenant (id, name, created_at) values (?, 'x', now())", id));
  }

  private static void task(Jdbi jdbi, int number, String tenant, String account) {
    jdbi.useHandle(
        h ->
            h.execute(
                """
                insert into task (id, tenant_id, kind, external_task_id, account, kling_task_id, status, sequence,
                  feed_position, created_at, updated_at)
                values (?, ?, 'text2video', ?, ?, ?, 'queued', 1, 1, now(), now())
                """,
                id(number),
                tenant,
                "theirs-" + number,
                account,
                Integer.toString(6 + number)));
  }

  private static String id(int number) {
    return "task_" + "0".repeat(25) + number;
  }
}
