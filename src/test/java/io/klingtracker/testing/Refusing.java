package io.klingtracker.testing;

import org.jdbi.v3.core.Jdbi;

/** A PostgreSQL that refuses every write of one item, whatever statement it comes with. */
public final class Refusing implements AutoCloseable {

  private final Jdbi jdbi;
  private final String table;

  private Refusing(Jdbi jdbi, String table) {
    this.jdbi = jdbi;
    this.table = table;
  }

  /**
   * Begins to refuse.
   *
   * @param table whose rows
   * @param column which tells the item
   * @param value the item's
   * @param sqlState what it is refused with
   */
  public static Refusing rows(
      Jdbi jdbi, String table, String column, String value, String sqlState) {
    jdbi.useHandle(
        handle -> {
          handle.execute(
              """
              create or replace function test_refuse_%1$s() returns trigger language plpgsql as $$
              declare
                item jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
              begin
                if item ->> '%2$s' = '%3$s' then
                  raise exception 'refused %% of %%', tg_op, tg_table_name using errcode = '%4$s';
                end if;
                return case tg_op when 'DELETE' then old else new end;
              end $$
              """
                  .formatted(table, column, value, sqlState));
          handle.execute(
              """
              create trigger test_refuse before insert or update or delete on %1$s for each row
              execute function test_refuse_%1$s()
              """
                  .formatted(table));
        });
    return new Refusing(jdbi, table);
  }

  /** Takes everything again. */
  @Override
  public void close() {
    jdbi.useHandle(handle -> handle.execute("drop trigger test_refuse on " + table));
  }
}
