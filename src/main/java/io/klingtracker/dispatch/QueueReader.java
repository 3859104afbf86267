package io.klingtracker.dispatch;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** What the database says of tasks that wait, and of the queue as a whole. */
@Singleton
class QueueReader {

  /** Positions are counted up to here. */
  static final int COUNTED = 10_000;

  private static final int DEPTH_COUNTED = 100_000;

  /** Of the task {@code t}. */
  static final String PLACE =
      """
      select q.tenant_id as place_tenant, q.family as place_family, q.model as place_model, q.slots as place_slots,
        q.due_at as place_due_at, q.deadline_at as place_deadline_at, q.claimed_by is not null as place_claimed,
        q.attempts as place_attempts, q.sent_at as place_sent_at, q.prompt_hash is not null as place_unnamed,
        q.reason as place_reason, q.pinned_to as place_account,
        (select count(*) from (select from dispatch_queue a where a.sent_at is null and a.tenant_id = q.tenant_id
           and a.family = q.family and a.model = q.model and a.priority > q.priority limit :most) x)
        + (select count(*) from (select from dispatch_queue a where a.sent_at is null and a.tenant_id = q.tenant_id
           and a.family = q.family and a.model = q.model and a.priority = q.priority and a.task_id < q.task_id
           limit :most) x) as place_ahead
      from dispatch_queue q where q.task_id = t.id
      """;

  /**
   * The same, and when Kling is asked about it: what was read at two moments may contradict itself.
   */
  private static final String PLACE_AND_CHECK =
      "select p.*, o.next_check_at as check_at, a.reason as check_aside from (select 1) one"
          + " left join lateral ("
          + PLACE
          + ") p on true left join open_task o on o.task_id = t.id"
          + " left join set_aside a on a.kind = 'check' and a.key = t.id";

  private static final String WAITING =
      """
      select task_id from dispatch_queue where task_id = any(cast(:ids as text[])) and sent_at is null order by task_id
      """;

  private static final String QUEUE =
      """
      select (select count(*) from (select from dispatch_queue limit :most) x) as depth,
        (select t.created_at from dispatch_queue q join task t on t.id = q.task_id order by q.task_id limit 1) as oldest
      """;

  /** Of the samples that are kept of each kind and model; a few rows each. */
  private static final String MEDIANS =
      """
      select name as kind, model, percentile_disc(0.5) within group (order by millis) as millis
      from sample where series = 'render' group by name, model
      """;

  /** The queue as a whole. */
  record Queue(long depth, Duration oldest) {}

  /**
   * A task's place.
   *
   * @param account the only one that it may go to; null for any
   * @param sentAt when its create was sent; null while it waits
   * @param unnamed whether its create was sent without an id of ours
   * @param reason how the last try ended
   * @param ahead how many of its tenant go first, as far as they are counted
   */
  record Place(
      String tenant,
      String family,
      String model,
      @Nullable String account,
      int slots,
      Instant dueAt,
      @Nullable Instant deadlineAt,
      boolean claimed,
      int attempts,
      @Nullable Instant sentAt,
      boolean unnamed,
      @Nullable String reason,
      int ahead) {}

  /** A task; the place is null when it does not wait. */
  record Found(Task task, @Nullable Place place) {}

  /** The same, with when Kling is asked; null when nobody asks. */
  record Whole(Found found, @Nullable Check check) {}

  /** What render times are known of. */
  record Product(String kind, String model) {}

  /** When Kling is asked; {@code aside} is why it is not. */
  record Check(Instant at, @Nullable String aside) {}

  private final Jdbi jdbi;
  private final Tasks tasks;
  private final Clock clock;

  @Inject
  QueueReader(Jdbi jdbi, Tasks tasks, Clock clock) {
    this.jdbi = jdbi;
    this.tasks = tasks;
    this.clock = clock;
  }

  /** A task by our id, the caller's or Kling's, with its place. */
  Optional<Found> find(String tenant, String id) {
    return tasks.findByAnyId(
        tenant, id, PLACE, Map.of("most", COUNTED), (row, context) -> found(row));
  }

  /** The same, and when Kling is asked about it. */
  Optional<Whole> whole(String tenant, String id) {
    return tasks.findByAnyId(
        tenant,
        id,
        PLACE_AND_CHECK,
        Map.of("most", COUNTED),
        (row, context) -> new Whole(found(row), check(row)));
  }

  /** See {@link io.klingtracker.upstream.QueueView#waiting}. */
  List<String> waiting(List<String> taskIds) {
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createQuery(WAITING), taskIds)
                .texts("ids", id -> id)
                .rest()
                .mapTo(String.class)
                .list());
  }

  /** Counts up to a bound, so that a flood does not make its counting slow. */
  Queue queue() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(QUEUE)
                .bind("most", DEPTH_COUNTED)
                .map(
                    (row, context) -> {
                      Instant oldest = Rows.instantOrNull(row, "oldest");
                      return new Queue(
                          row.getLong("depth"),
                          oldest == null
                              ? Duration.ZERO
                              : Duration.between(oldest, clock.instant()));
                    })
                .one());
  }

  /** How long each kind and model takes to render, as far as that is known. */
  Map<Product, Duration> medians() {
    Map<Product, Duration> medians = new HashMap<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(MEDIANS)
                .map(
                    (row, context) ->
                        medians.put(
                            new Product(row.getString("kind"), row.getString("model")),
                            Duration.ofMillis(row.getLong("millis"))))
                .list());
    return medians;
  }

  private static Found found(ResultSet row) throws SQLException {
    Task task = Task.of(row);
    boolean waits = task.status() == TaskStatus.QUEUED && row.getString("place_tenant") != null;
    return new Found(task, waits ? place(row) : null);
  }

  private static @Nullable Check check(ResultSet row) throws SQLException {
    Instant at = Rows.instantOrNull(row, "check_at");
    return at == null ? null : new Check(at, row.getString("check_aside"));
  }

  private static Place place(ResultSet row) throws SQLException {
    return new Place(
        row.getString("place_tenant"),
        row.getString("place_family"),
        row.getString("place_model"),
        row.getString("place_account"),
        row.getInt("place_slots"),
        Rows.instant(row, "place_due_at"),
        Rows.instantOrNull(row, "place_deadline_at"),
        row.getBoolean("place_claimed"),
        row.getInt("place_attempts"),
        Rows.instantOrNull(row, "place_sent_at"),
        row.getBoolean("place_unnamed"),
        row.getString("place_reason"),
        (int) Math.min(COUNTED, row.getLong("place_ahead")));
  }
}
