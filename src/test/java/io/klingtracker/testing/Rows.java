package io.klingtracker.testing;

import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** What tests ask a database for. */
public final class Rows {

  private Rows() {}

  /** The one number that a query gives. */
  public static long number(Jdbi jdbi, String query) {
    return jdbi.withHandle(handle -> handle.createQuery(query).mapTo(Long.class).one());
  }

  /** How many rows there are in a table, where it says so. */
  public static long count(Jdbi jdbi, String from) {
    return number(jdbi, "select count(*) from " + from);
  }

  /** The one text that a query gives. */
  public static String text(Jdbi jdbi, String query) {
    return jdbi.withHandle(handle -> handle.createQuery(query).mapTo(String.class).one());
  }

  /** The texts that a query gives. */
  public static List<String> texts(Jdbi jdbi, String query) {
    return jdbi.withHandle(handle -> handle.createQuery(query).mapTo(String.class).list());
  }

  /** A task's status, as it is stored. */
  public static String status(Jdbi jdbi, String taskId) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select status::text from task where id = :id")
                .bind("id", taskId)
                .mapTo(String.class)
                .one());
  }

  /** Tenants of these ids, without limits; one that is there stays as it is. */
  public static void tenants(Jdbi jdbi, String... ids) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(
                    """
                    insert into tenant (id, name, created_at)
                    select id, id, now() from unnest(:ids) as id on conflict do nothing
                    """)
                .bindArray("ids", String.class, List.of(ids))
                .execute());
  }
}
