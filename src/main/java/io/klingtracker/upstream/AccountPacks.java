package io.klingtracker.upstream;

import io.klingtracker.database.Columns;
import io.klingtracker.kling.Pack;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** What Kling last said of each account's resource packs. */
@Singleton
public class AccountPacks {

  private static final String SAVE =
      """
      insert into account_pack (account, id, name, status, total, remaining, effective_at, ends_at, seen_at)
      values (:account, :id, :name, :status, :total, :remaining, :effectiveAt, :endsAt, :now)
      on conflict (account, id) do update
        set name = excluded.name, status = excluded.status, total = excluded.total, remaining = excluded.remaining,
          effective_at = excluded.effective_at, ends_at = excluded.ends_at, seen_at = excluded.seen_at
      """;

  private static final String FIND =
      """
      select id, name, status, total, remaining, effective_at, ends_at, seen_at from account_pack
      where account = :account order by ends_at, id
      """;

  private final Jdbi jdbi;

  /** Takes what it needs. */
  @Inject
  public AccountPacks(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * A pack as Kling last reported it.
   *
   * @param seenAt when
   */
  public record Seen(Pack pack, Instant seenAt) {}

  /** Takes an account's packs in place of those of before. */
  public void save(String account, List<Pack> packs, Instant now) {
    jdbi.useTransaction(
        handle -> {
          Columns.of(
                  handle.createUpdate(
                      "delete from account_pack where account = :account and not (id = any(:ids))"),
                  packs)
              .texts("ids", Pack::id)
              .rest()
              .bind("account", account)
              .execute();
          for (Pack pack : packs) {
            handle
                .createUpdate(SAVE)
                .bind("account", account)
                .bind("id", pack.id())
                .bind("name", pack.name())
                .bind("status", pack.status())
                .bind("total", pack.total())
                .bind("remaining", pack.remaining())
                .bind("effectiveAt", pack.effectiveAt())
                .bind("endsAt", pack.endsAt())
                .bind("now", now)
                .execute();
          }
        });
  }

  /** An account's packs; none before it was asked. */
  public List<Seen> of(String account) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(FIND)
                .bind("account", account)
                .map(
                    (row, context) ->
                        new Seen(
                            new Pack(
                                row.getString("id"),
                                row.getString("name"),
                                row.getString("status"),
                                row.getBigDecimal("total"),
                                row.getBigDecimal("remaining"),
                                time(row.getTimestamp("effective_at")),
                                time(row.getTimestamp("ends_at"))),
                            row.getTimestamp("seen_at").toInstant()))
                .list());
  }

  private static @Nullable Instant time(@Nullable Timestamp time) {
    return time == null ? null : time.toInstant();
  }
}
