package io.klingtracker.dispatch;

import io.klingtracker.database.Columns;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** Tasks that wait, as a restored database has them. */
@Singleton
class RecoveryStore {

  private static final String WAITING =
      """
      select q.task_id, t.kind, t.upstream_model from dispatch_queue q join task t on t.id = q.task_id
      where q.sent_at is null and q.task_id > :after and q.task_id < :bound order by q.task_id limit :limit
      """;

  private static final String COUNT =
      "select count(*) from dispatch_queue where sent_at is null and task_id < :bound";

  /**
   * As if each had been sent on the account and no answer had come: Kling is asked about it, and it
   * is sent only when it is proved that Kling does not have it. Where Kling is asked about one
   * already, that answer is awaited first, and this question is not counted.
   */
  private static final String DOUBT =
      """
      with given as (
        select * from unnest(cast(:ids as text[]), cast(:accounts as text[]), cast(:hashes as text[])) as g(task_id, account, hash)
      ),
      doubted as (
        update dispatch_queue q set sent_at = cast(:now as timestamptz), claimed_by = null, attempts = q.attempts + 1,
          doubt = 'not-asked', reason = 'restored; Kling is asked whether it has it', prompt_hash = decode(g.hash, 'hex')
        from given g where q.task_id = g.task_id and q.sent_at is null
        returning q.*, g.account
      )
      insert into open_task (task_id, tenant_id, account, model, family, slots, next_check_at, unnamed)
      select task_id, tenant_id, account, model, family, slots, cast(:now as timestamptz), prompt_hash is not null
      from doubted
      on conflict (task_id) do nothing
      returning task_id
      """;

  /**
   * Those of which Kling has not answered yet. Of the others nothing is sent by itself: Kling says
   * that it has them, or a person has to look.
   */
  private static final String UNANSWERED =
      """
      select count(*) from dispatch_queue
      where sent_at is not null and task_id < :bound and doubt is distinct from 'exists' and prompt_hash is null
      """;

  /** In one statement, since what Kling has answered about waits again, and may be asked about. */
  private static final String OVER =
      """
      select not exists (
        select from dispatch_queue q
        where q.task_id < :bound and q.sent_at is not null and q.doubt is distinct from 'exists'
          and q.prompt_hash is null)
      and not exists (
        select from dispatch_queue q
        where q.task_id < :bound and q.sent_at is null
          and not exists (select from unnest(cast(:settled as text[])) as s(id) where s.id = q.task_id))
      """;

  private final Jdbi jdbi;

  @Inject
  RecoveryStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * A task that waits.
   *
   * @param model Kling's name of it; null where the kind has none
   */
  record Waiting(String taskId, String kind, @Nullable String model) {}

  /**
   * A task of which Kling is to be asked.
   *
   * @param promptHash as in {@link io.klingtracker.upstream.Doubts.Doubt}; null where Kling knows
   *     it by our id
   */
  record Asked(String taskId, String account, @Nullable String promptHash) {}

  /** The next that wait, by id, those below {@code bound} alone. */
  List<Waiting> waiting(String after, String bound, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(WAITING)
                .bind("after", after)
                .bind("bound", bound)
                .bind("limit", limit)
                .map(
                    (row, context) ->
                        new Waiting(
                            row.getString("task_id"),
                            row.getString("kind"),
                            row.getString("upstream_model")))
                .list());
  }

  /** How many wait. */
  int count(String bound) {
    return number(COUNT, bound);
  }

  /** How many Kling has still to answer about. */
  int unanswered(String bound) {
    return number(UNANSWERED, bound);
  }

  private int number(String statement, String bound) {
    return jdbi.withHandle(
        handle -> handle.createQuery(statement).bind("bound", bound).mapTo(Integer.class).one());
  }

  /** The request to the letter. */
  Optional<String> request(String taskId) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select body from task_request where task_id = :id")
                .bind("id", taskId)
                .mapTo(String.class)
                .findOne());
  }

  /** Whether Kling has answered about all, and none waits but those that are settled. */
  boolean isOver(String bound, List<String> settled) {
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createQuery(OVER), settled)
                .texts("settled", id -> id)
                .rest()
                .bind("bound", bound)
                .mapTo(Boolean.class)
                .one());
  }

  /** See {@link #DOUBT}; the ids of those that Kling is asked about now. */
  List<String> doubt(List<Asked> tasks, Instant now) {
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createQuery(DOUBT), tasks)
                .texts("ids", Asked::taskId)
                .texts("accounts", Asked::account)
                .texts("hashes", Asked::promptHash)
                .rest()
                .bind("now", now)
                .mapTo(String.class)
                .list());
  }
}
