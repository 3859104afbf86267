package io.klingtracker.upstream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.catalog.NamedItem;
import io.klingtracker.database.Columns;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.TaskId;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.SqlStatement;
import org.jspecify.annotations.Nullable;

/**
 * Which account made the sessions, voices, elements, videos and sounds that callers name, and whose
 * they are. Voices and elements that tasks make are remembered by the database as they end, what
 * calls make is noted here, and videos and sounds are looked for among the results of the tenant's
 * tasks: nearly every task has one, and few are ever named.
 */
@Singleton
public class MadeItems {

  /** Kling forgets a session after a day. */
  static final Duration SESSION_LIFE = Duration.ofDays(2);

  private static final String FIND =
      """
      select m.kind, m.id, m.account, m.tenant_id
      from unnest(cast(:kinds as text[]), cast(:ids as text[])) as n(kind, id)
        join made_at_kling m on m.kind = n.kind and m.id = n.id
      """;

  /** What Kling itself lists as its own is nobody's, whoever it was noted for before. */
  private static final String REMEMBER =
      """
      insert into made_at_kling as made (kind, id, account, tenant_id, made_at)
      select distinct n.kind, n.id, :account, cast(:tenant as text), cast(:now as timestamptz)
      from unnest(cast(:kinds as text[]), cast(:ids as text[])) as n(kind, id)
      where length(n.id) <= 128
      on conflict (kind, id) do update set tenant_id = null
        where excluded.tenant_id is null and made.tenant_id is not null
      """;

  private static final String FORGET =
      """
      delete from made_at_kling m using unnest(cast(:kinds as text[]), cast(:ids as text[])) as n(kind, id)
      where m.kind = n.kind and m.id = n.id and m.tenant_id = :tenant
      """;

  private static final String FORGET_SESSIONS =
      """
      delete from made_at_kling where ctid = any(array(
        select ctid from made_at_kling where kind = 'session' and made_at < :before order by made_at limit :limit
        for update skip locked))
      """;

  /** Kling clears results after thirty days. */
  static final Duration MEDIA_LIFE = Duration.ofDays(31);

  /** A task may wait so long for its dispatch and still be found by the time of its id. */
  private static final Duration LONGEST_TASK = Duration.ofDays(7);

  /**
   * Results with the text of an id that are read for a request; only its own has it as an id. One
   * that is longer, in characters, has no list of videos.
   */
  private static final int MAX_READ = 100;

  private static final int MAX_RESULT = 65_536;

  private static final String RESULTS =
      """
      select t.account, t.result::text as result from task t
      where t.tenant_id = :tenant and t.id >= :fromId and t.status = 'succeed' and t.account is not null
        and length(t.result::text) <= :length
        and exists (
          select from unnest(cast(:ids as text[])) as n(id) where position('"' || n.id || '"' in t.result::text) > 0)
      order by t.id desc limit :limit
      """;

  private static final String FORGET_MEDIA =
      """
      delete from made_at_kling where ctid = any(array(
        select ctid from made_at_kling where kind in ('video', 'audio') and made_at < :before order by made_at
        limit :limit for update skip locked))
      """;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Sessions forgotten in one statement. */
  private static final int SWEPT_AT_ONCE = 1_000;

  private record Made(String account, @Nullable String tenant) {}

  private final Jdbi jdbi;
  private final Clock clock;
  private final Set<String> accounts;

  @Inject
  public MadeItems(Jdbi jdbi, KlingConfig kling, Clock clock) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.accounts = new TreeSet<>(kling.accounts().keySet());
  }

  /**
   * The account that a request has to go to for what it names; null for any. Blocks when it names
   * something.
   *
   * @param tenant who asks
   * @param granted accounts on which the tenant may use what was not made here
   * @throws ProblemException when something is not the tenant's, or the request names things of
   *     several accounts
   */
  public @Nullable String account(String tenant, Set<String> granted, Set<NamedItem> named) {
    return account(tenant, granted, named, false);
  }

  /** The same of a request to delete what it names: that has to be the tenant's own. */
  public @Nullable String accountToDelete(
      String tenant, Set<String> granted, Set<NamedItem> named) {
    if (named.isEmpty()) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST, "names nothing to delete; give voice_id or element_id");
    }
    return account(tenant, granted, named, true);
  }

  private @Nullable String account(
      String tenant, Set<String> granted, Set<NamedItem> named, boolean own) {
    if (named.isEmpty()) {
      return null;
    }
    Map<NamedItem, Made> made = find(named);
    findResults(tenant, granted, named, made);
    Set<String> places = new TreeSet<>();
    boolean strangers = false;
    for (NamedItem item : named) {
      Made known = made.get(item);
      if (known == null && !item.isPlain()) {
        throw new ProblemException(
            ErrorCode.INVALID_REQUEST,
            "%s_id value '%s' is invalid: must be a word or digits, without sign, space or leading zero"
                .formatted(item.kind().wireName(), shortened(item)));
      }
      if (known == null && (own || item.isMade())) {
        // Not made here: it is on an account of which the tenant may use everything, or nowhere.
        strangers = true;
        refuseUnless(!granted.isEmpty(), item);
      } else if (known != null && known.tenant() != null) {
        refuseUnless(known.tenant().equals(tenant), item);
        places.add(known.account());
      } else if (known != null) {
        refuseUnless(!own, item);
      }
    }
    if (places.size() > 1) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          "names things of different Kling accounts; name those that were made together");
    }
    if (!places.isEmpty()) {
      String place = places.iterator().next();
      refuseUnless(!strangers || granted.contains(place), named.iterator().next());
      // With one account there is nothing to choose, and what waits for it is no queue of its own.
      return accounts.equals(places) ? null : place;
    }
    // Which of several accounts has it, nobody knows; with all of them granted, as it was always.
    if (!strangers || !own && granted.containsAll(accounts)) {
      return null;
    }
    // A grant may outlive its account.
    return granted.stream()
        .filter(accounts::contains)
        .min(Comparator.naturalOrder())
        .orElseGet(() -> granted.stream().min(Comparator.naturalOrder()).orElseThrow());
  }

  /** Another tenant's and one that does not exist are refused alike. */
  private static void refuseUnless(boolean allowed, NamedItem item) {
    if (!allowed) {
      String kind = item.kind().wireName();
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          "%s_id value '%s' is invalid: no such %s of yours"
              .formatted(kind, shortened(item), kind));
    }
  }

  private static String shortened(NamedItem item) {
    return item.id().length() <= 60 ? item.id() : item.id().substring(0, 60) + "…";
  }

  private Map<NamedItem, Made> find(Collection<NamedItem> all) {
    Map<NamedItem, Made> found = new HashMap<>();
    // The database holds no text with a NUL, and takes none.
    List<NamedItem> named = all.stream().filter(item -> item.id().indexOf('\0') < 0).toList();
    jdbi.useHandle(
        handle ->
            columns(handle.createQuery(FIND), named)
                .map(
                    (row, context) ->
                        found.put(
                            new NamedItem(
                                NamedItem.Kind.of(row.getString("kind")), row.getString("id")),
                            new Made(row.getString("account"), row.getString("tenant_id"))))
                .list());
    return found;
  }

  /** Those of the tenant's tasks; with one account, and the right to use all on it, none matter. */
  private void findResults(
      String tenant, Set<String> granted, Set<NamedItem> named, Map<NamedItem, Made> made) {
    if (accounts.size() == 1 && granted.containsAll(accounts)) {
      return;
    }
    // The database holds no text with a NUL, and takes none.
    List<NamedItem> sought =
        named.stream()
            .filter(item -> item.kind().isResult() && !made.containsKey(item))
            .filter(item -> item.id().indexOf('\0') < 0)
            .toList();
    if (sought.isEmpty()) {
      return;
    }
    Instant from = clock.instant().minus(MEDIA_LIFE).minus(LONGEST_TASK);
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createQuery(RESULTS), sought)
                .texts("ids", NamedItem::id)
                .rest()
                .bind("tenant", tenant)
                .bind("fromId", TaskId.firstAt(from))
                .bind("length", MAX_RESULT)
                .bind("limit", MAX_READ)
                .map(
                    (row, context) -> {
                      Set<NamedItem> media = media(row.getString("result"));
                      media.retainAll(sought);
                      Made by = new Made(row.getString("account"), tenant);
                      media.forEach(item -> made.putIfAbsent(item, by));
                      return by;
                    })
                .list());
  }

  /** A result may have the text elsewhere, even such as the caller has chosen. */
  private static Set<NamedItem> media(String result) {
    try {
      return NamedItem.media(JSON.readTree(result));
    } catch (JsonProcessingException e) {
      return new HashSet<>();
    }
  }

  /**
   * Notes what a call made. Blocks.
   *
   * @param tenant whose it is; null for Kling's own, which every account has
   */
  public void remember(String account, @Nullable String tenant, Collection<NamedItem> made) {
    if (!made.isEmpty()) {
      jdbi.useHandle(
          handle ->
              columns(handle.createUpdate(REMEMBER), made)
                  .bind("account", account)
                  .bind("tenant", tenant)
                  .bind("now", clock.instant())
                  .execute());
    }
  }

  /** Notes that a tenant's are deleted. Blocks. */
  public void forget(String tenant, Collection<NamedItem> deleted) {
    jdbi.useHandle(
        handle -> columns(handle.createUpdate(FORGET), deleted).bind("tenant", tenant).execute());
  }

  /** Forgets sessions, videos and sounds that Kling has forgotten; true when there may be more. */
  boolean forgetOld() {
    boolean sessions = forget(FORGET_SESSIONS, SESSION_LIFE);
    return forget(FORGET_MEDIA, MEDIA_LIFE) || sessions;
  }

  private boolean forget(String statement, Duration life) {
    int forgotten =
        jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(statement)
                    .bind("before", clock.instant().minus(life))
                    .bind("limit", SWEPT_AT_ONCE)
                    .execute());
    return forgotten == SWEPT_AT_ONCE;
  }

  /** Foreign texts: what no text of the database can hold is nobody's id. */
  private static <S extends SqlStatement<S>> S columns(S statement, Collection<NamedItem> items) {
    return Columns.of(statement, items)
        .texts("kinds", item -> item.kind().wireName())
        .texts("ids", item -> item.id().replace('\0', '\ufffd'))
        .rest();
  }
}
