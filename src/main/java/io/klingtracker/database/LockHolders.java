package io.klingtracker.database;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Who holds locks in our schema, for a line that says what is waited for. */
public final class LockHolders {

  /** The oldest transactions of others. */
  private static final String HOLDERS =
      """
      select a.pid, a.application_name, coalesce(a.state, 'state hidden') as state,
        coalesce(round(extract(epoch from clock_timestamp() - a.xact_start))::text, '?') as seconds
      from pg_stat_activity a
      where a.application_name <> ? and a.pid <> pg_backend_pid() and a.pid in (
        select l.pid from pg_locks l join pg_class c on c.oid = l.relation
        where l.granted and l.database = (select oid from pg_database where datname = current_database())
          and c.relnamespace = to_regnamespace(current_schema())::oid)
      order by a.xact_start nulls last limit 3
      """;

  private LockHolders() {}

  /**
   * Names them, by pid, application and age.
   *
   * @param own name of the application whose sessions are left out
   */
  public static String say(Connection connection, String own) {
    List<String> holders = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(HOLDERS)) {
      statement.setString(1, own);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          holders.add(
              "pid %s, application '%s', %s, its transaction open for %s s"
                  .formatted(
                      row.getString("pid"),
                      row.getString("application_name"),
                      row.getString("state"),
                      row.getString("seconds")));
        }
      }
    } catch (SQLException e) {
      return "who holds it cannot be asked, " + e.getMessage();
    }
    return holders.isEmpty()
        ? "whoever held it has just ended"
        : "held, it seems, by " + String.join("; ", holders);
  }
}
