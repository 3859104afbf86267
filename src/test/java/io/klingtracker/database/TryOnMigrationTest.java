package io.klingtracker.database;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.TestDatabase;
import java.util.List;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What waits, runs and was learnt of try-on under video is under its own family afterwards. */
class TryOnMigrationTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String SCHEMA = "before_try_on";

  private final Jdbi jdbi = DATABASE.jdbi();

  @AfterEach
  void gone() {
    jdbi.useHandle(h -> h.execute("drop schema if exists " + SCHEMA + " cascade"));
  }

  @Test
  void rows_of_try_on_are_moved_and_no_others() {
    migrate("6");
    jdbi.useHandle(
        h -> {
          h.execute("set search_path to " + SCHEMA);
          h.execute("insert into tenant (id, name, created_at) values ('acme', 'Acme', now())");
          h.execute(
              """
              insert into task (id, tenant_id, kind, model, upstream_model, status, sequence, feed_position, created_at,
                updated_at)
              select 'task_' || lpad(k, 26, '0'), 'acme', k, m, m, 'queued', 1, 1, now(), now()
              from (values ('kolors0virtual0try0on', 'kolors-virtual-try-on-v1'), ('text2video', 'kling-v3')) as t(k, m)
              """);
          h.execute("update task set kind = 'kolors-virtual-try-on' where kind like 'kolors%'");
          h.execute(
              """
              insert into dispatch_queue (task_id, tenant_id, family, model, due_at)
              select id, tenant_id, 'video', upstream_model, now() from task
              """);
          h.execute(
              """
              insert into open_task (task_id, account, family, model, slots, next_check_at)
              select id, 'default', 'video', upstream_model, 1, now() from task
              """);
          h.execute(
              """
              insert into account_pool (account, family, model, lowered_to)
              select 'default', 'video', upstream_model, 3 from task
              """);
          h.execute(
              """
              insert into dispatch_turn (family, model, tenant_id, turn)
              select 'video', upstream_model, 'acme', 3 from task
              """);
          h.execute("reset search_path");
        });

    migrate("7");

    for (String table : List.of("dispatch_queue", "open_task", "account_pool", "dispatch_turn")) {
      assertEquals(
          List.of("kling-v3 video", "kolors-virtual-try-on-v1 try-on"),
          jdbi.withHandle(
              h ->
                  h.createQuery(
                          "select model || ' ' || family from %s.%s order by 1"
                              .formatted(SCHEMA, table))
                      .mapTo(String.class)
                      .list()),
          table);
    }
  }

  private void migrate(String target) {
    Flyway.configure()
        .dataSource(DATABASE.dataSource())
        .schemas(SCHEMA)
        .defaultSchema(SCHEMA)
        .locations("classpath:db/migration")
        .target(target)
        .load()
        .migrate();
  }
}
