package io.klingtracker.reconcile;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.database.Rows;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingIds;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.CheckPlan;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.Doubts.Doubt;
import io.klingtracker.upstream.KlingWords;
import io.klingtracker.upstream.UnnamedIds;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** What a person decides about creates in doubt, having looked at Kling. */
@Singleton
class DoubtDecisions {

  private static final String OPEN =
      """
      select q.task_id, t.tenant_id, t.kind, t.upstream_model, o.account, q.doubt, q.sent_at, q.lost, q.reason,
        q.claimed_by is not null as under_way, encode(q.prompt_hash, 'hex') as prompt_hash, o.checks
      from dispatch_queue q join open_task o on o.task_id = q.task_id join task t on t.id = q.task_id
      where q.doubt is not null and (cast(:only as text) is null or q.task_id = :only)
      order by q.sent_at, q.task_id limit :limit
      """;

  private final Jdbi jdbi;
  private final UnnamedIds ids;
  private final Doubts doubts;
  private final DoubtSettler settler;
  private final Tasks tasks;
  private final KlingClient kling;
  private final CheckPlan plan;
  private final Clock clock;

  /**
   * A create in doubt.
   *
   * @param reason for people; null where nobody has said one
   * @param checks how often Kling was asked about it
   */
  record Open(UpstreamRef ref, String tenant, Doubt doubt, @Nullable String reason, int checks) {}

  @Inject
  DoubtDecisions(
      Jdbi jdbi,
      UnnamedIds ids,
      Doubts doubts,
      DoubtSettler settler,
      Tasks tasks,
      KlingClient kling,
      CheckPlan plan,
      Clock clock) {
    this.jdbi = jdbi;
    this.ids = ids;
    this.doubts = doubts;
    this.settler = settler;
    this.tasks = tasks;
    this.kling = kling;
    this.plan = plan;
    this.clock = clock;
  }

  /** Those that are in doubt, the oldest first. */
  List<Open> all(int limit) {
    return open(null, limit);
  }

  private List<Open> open(@Nullable String only, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OPEN)
                .bind("only", only)
                .bind("limit", limit)
                .map((row, context) -> open(row))
                .list());
  }

  /**
   * Kling has it under this id, of which Kling is asked; the task continues like any other.
   *
   * @throws ProblemException where it is not in doubt, Kling does not have that task or cannot be
   *     asked, or the id is another task's
   */
  void accepted(String taskId, String klingTaskId) {
    Open open = one(taskId);
    KlingNews news = ask(open, klingTaskId);
    String named = news.externalTaskId();
    if (named != null && !named.equals(taskId)) {
      throw refused("Kling's task %s has the external_task_id %s".formatted(klingTaskId, named));
    }
    Optional<String> other = ids.take(taskId, klingTaskId);
    if (other.isPresent()) {
      throw conflict("Kling's task %s is %s of ours".formatted(klingTaskId, other.get()));
    }
    try {
      tasks.apply(news(open, news));
    } catch (RuntimeException e) {
      if (Tasks.isOtherTasksId(e)) {
        ids.forget(taskId, klingTaskId);
        throw conflict("Kling's task %s is another task of ours".formatted(klingTaskId));
      }
      throw e;
    }
    settler.ended(open.ref().account(), "accepted");
  }

  /**
   * Kling does not have it: it waits for its turn again.
   *
   * @throws ProblemException where it is not in doubt, the create may still arrive, or something
   *     else speaks for it
   */
  void notAccepted(String taskId) {
    Open open = one(taskId);
    Instant now = clock.instant();
    Instant safe = open.doubt().sentAt().plus(settler.certainAfter());
    if (open.doubt().underWay() || now.isBefore(safe)) {
      throw conflict("its create may still arrive; decide after " + Rfc3339.format(safe));
    }
    if (!doubts.free(taskId, open.doubt(), open.checks(), now)) {
      throw conflict("Kling has said that it exists, or a callback speaks of it; see its timeline");
    }
    settler.ended(open.ref().account(), "not-accepted");
    tasks.note(
        taskId,
        Source.ADMIN,
        null,
        "not-accepted",
        "an administrator found that Kling does not have it; it is sent again when it is its turn");
  }

  private Open one(String taskId) {
    return open(taskId, 1).stream()
        .findFirst()
        .orElseThrow(
            () -> new ProblemException(ErrorCode.NOT_FOUND, "no create of this task is in doubt"));
  }

  private KlingNews ask(Open open, String klingTaskId) {
    if (!KlingIds.canBeAsked(klingTaskId)) {
      throw refused("kling_task_id is none that Kling could have");
    }
    String name = open.ref().kind();
    Kind kind =
        Catalog.current()
            .ofSent(name)
            .orElseThrow(
                () ->
                    conflict(
                        Catalog.noKind(name)
                            + ", so Kling cannot be asked; put it into tracker.catalog.file again"));
    QueryAnswer answer =
        kling.query(open.ref().account(), kind.queryPath(klingTaskId)).toCompletableFuture().join();
    if (answer instanceof QueryAnswer.Found found
        && klingTaskId.equals(found.news().klingTaskId())) {
      return found.news();
    }
    if (answer instanceof QueryAnswer.NoAnswer none) {
      throw new ProblemException(
          ErrorCode.UPSTREAM_FAILED, "Kling could not be asked: " + none.reason());
    }
    throw refused(
        "Kling knows no task %s on account %s".formatted(klingTaskId, open.ref().account()));
  }

  private News news(Open open, KlingNews news) {
    Instant now = clock.instant();
    Instant next = news.status().isFinal() ? null : plan.first(open.ref(), now);
    return KlingWords.toNews(open.ref().taskId(), Source.ADMIN, news, next)
        .orElseGet(
            () ->
                new News(
                    open.ref().taskId(),
                    Source.ADMIN,
                    new TaskSignal.Submitted(),
                    news.klingTaskId(),
                    null,
                    next,
                    news.word()));
  }

  private static ProblemException refused(String detail) {
    return new ProblemException(ErrorCode.INVALID_REQUEST, detail);
  }

  private static ProblemException conflict(String detail) {
    return new ProblemException(ErrorCode.CONFLICT, detail);
  }

  private static Open open(ResultSet row) throws SQLException {
    return new Open(
        new UpstreamRef(
            row.getString("task_id"),
            row.getString("kind"),
            row.getString("upstream_model"),
            row.getString("account")),
        row.getString("tenant_id"),
        new Doubt(
            Rows.instant(row, "sent_at"),
            Doubts.Cause.of(row.getString("doubt")),
            row.getInt("lost"),
            row.getBoolean("under_way"),
            row.getString("prompt_hash")),
        row.getString("reason"),
        row.getInt("checks"));
  }
}
