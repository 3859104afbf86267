package io.klingtracker.dispatch;

import io.klingtracker.dispatch.SlotPlan.TenantQueue;
import io.klingtracker.loops.SetAside;
import io.klingtracker.rules.ModelMapping;
import io.klingtracker.task.Source;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.KnownModels;
import io.klingtracker.upstream.QueueView;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** Why each task waits, and for how long. */
@Singleton
class QueueExplainer implements QueueView {

  /** Positions are counted up to here. */
  private static final int COUNTED = 10_000;

  private static final int DEPTH_COUNTED = 100_000;

  /** How long one look at the slots serves. */
  private static final Duration VIEW_LIFE = Duration.ofSeconds(1);

  /** Of the task {@code t}. */
  static final String PLACE =
      """
      select q.tenant_id as place_tenant, q.family as place_family, q.model as place_model, q.slots as place_slots,
        q.due_at as place_due_at, q.deadline_at as place_deadline_at, q.claimed_by is not null as place_claimed,
        q.attempts as place_attempts, q.sent_at as place_sent_at, q.reason as place_reason,
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

  private record Place(
      String tenant,
      String family,
      String model,
      int slots,
      Instant dueAt,
      @Nullable Instant deadlineAt,
      boolean claimed,
      int attempts,
      @Nullable Instant sentAt,
      @Nullable String reason,
      int ahead) {}

  private record Found(Task task, @Nullable Place place) {}

  private record Whole(Found found, @Nullable Check check) {}

  private record View(
      Instant at,
      PoolStore.Snapshot snapshot,
      Capacity capacity,
      List<TenantQueue> queues,
      Map<Product, Duration> medians) {}

  private record Product(String kind, String model) {}

  /** When Kling is asked; {@code aside} is why it is not. */
  private record Check(Instant at, @Nullable String aside) {}

  private final Jdbi jdbi;
  private final Tasks tasks;
  private final PoolStore pools;
  private final ConfiguredAccounts accounts;
  private final DispatchConfig config;
  private final KnownModels models;
  private final Clock clock;
  private volatile @Nullable View view;

  @Inject
  QueueExplainer(
      Jdbi jdbi,
      Tasks tasks,
      PoolStore pools,
      ConfiguredAccounts accounts,
      DispatchConfig config,
      KnownModels models,
      Clock clock) {
    this.jdbi = jdbi;
    this.tasks = tasks;
    this.pools = pools;
    this.accounts = accounts;
    this.config = config;
    this.models = models;
    this.clock = clock;
  }

  @Override
  public boolean cancel(String taskId) {
    return tasks.withdraw(
        taskId, Source.CANCEL, new TaskSignal.Canceled("canceled before it was sent to Kling"));
  }

  @Override
  public Optional<TaskInQueue> find(String tenant, String id) {
    // The place is judged when the connection is back: that may take another one.
    return tasks
        .findByAnyId(tenant, id, PLACE, Map.of("most", COUNTED), (row, context) -> found(row))
        .map(
            found ->
                new TaskInQueue(
                    found.task(),
                    found.place() == null || found.place().sentAt() != null
                        ? null
                        : waiting(found.task(), found.place())));
  }

  private static Found found(ResultSet row) throws SQLException {
    Task task = Task.of(row);
    boolean waits = task.status() == TaskStatus.QUEUED && row.getString("place_tenant") != null;
    return new Found(task, waits ? place(row) : null);
  }

  @Override
  public Optional<ExplainedTask> explain(String tenant, String id) {
    return tasks
        .findByAnyId(
            tenant,
            id,
            PLACE_AND_CHECK,
            Map.of("most", COUNTED),
            (row, context) -> new Whole(found(row), check(row)))
        .map(
            whole -> {
              Task task = whole.found().task();
              Place place = whole.found().place();
              QueueStatus queueStatus =
                  place == null
                      ? away(task, whole.check())
                      : place.sentAt() == null ? waiting(task, place) : sent(place, whole.check());
              return new ExplainedTask(task, queueStatus);
            });
  }

  private static @Nullable Check check(ResultSet row) throws SQLException {
    Instant at = instant(row.getTimestamp("check_at"));
    return at == null ? null : new Check(at, row.getString("check_aside"));
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
                      Instant oldest = instant(row.getTimestamp("oldest"));
                      return new Queue(
                          row.getLong("depth"),
                          oldest == null
                              ? Duration.ZERO
                              : Duration.between(oldest, clock.instant()));
                    })
                .one());
  }

  private QueueStatus waiting(Task task, Place place) {
    View now = view();
    double total = 0;
    int weight = 1;
    for (TenantQueue queue : now.queues()) {
      if (queue.model().family().equals(place.family())
          && queue.model().model().equals(place.model())) {
        total += queue.weight();
        weight = queue.tenant().equals(place.tenant()) ? Math.max(1, queue.weight()) : weight;
      }
    }
    int slots = 0;
    int free = 0;
    for (String account : now.capacity().accounts()) {
      SlotPool pool = new SlotPool(account, place.family(), place.model());
      int limit = now.capacity().limit(pool);
      slots += limit;
      free += Math.max(0, limit - now.snapshot().used().getOrDefault(pool, 0));
    }
    Duration render = now.medians().get(new Product(task.kind(), models.of(place.model())));
    Forecast forecast =
        new Forecast(
            place.ahead(), slots, free, Math.min(1, weight / Math.max(total, weight)), render);
    Instant time = clock.instant();
    Duration dispatch = forecast.untilDispatch();
    Duration finish = forecast.untilFinish();
    return new QueueStatus(
        reason(now, place, slots, free, time),
        "it is sent to Kling when its turn comes and a slot is free",
        place.dueAt().isAfter(time) ? nextAt(place) : null,
        place.ahead() + 1,
        place.ahead() >= COUNTED,
        dispatch == null ? null : time.plus(dispatch),
        finish == null ? null : time.plus(finish),
        place.deadlineAt(),
        place.attempts());
  }

  private static String reason(View now, Place place, int slots, int free, Instant time) {
    String model =
        place.model().equals(ModelMapping.OTHER) ? "other " + place.family() : place.model();
    StringBuilder reason = new StringBuilder();
    if (slots == 0) {
      reason.append("no account takes tasks of ").append(model).append(" now: ");
      reason.append(
          now.capacity().accounts().stream()
              .map(
                  account ->
                      now.capacity().obstacle(new SlotPool(account, place.family(), place.model())))
              .filter(obstacle -> !obstacle.isEmpty())
              .collect(Collectors.joining("; ")));
    } else if (place.dueAt().isAfter(time)) {
      reason.append(
          nextAt(place) == null
              ? "it could not be processed, and an administrator has to have it tried again"
              : "it waits before it is tried again");
    } else if (free == 0) {
      reason.append("all ").append(slots).append(" slots of ").append(model).append(" are in use");
    } else if (place.ahead() > 0) {
      reason.append("tasks that came before it or have a higher priority go first");
    } else {
      reason.append("it is about to be sent");
    }
    if (place.reason() != null) {
      reason.append(" (last try: ").append(place.reason()).append(')');
    }
    return reason.toString();
  }

  /** Null for one that is set aside. */
  private static @Nullable Instant nextAt(Place place) {
    return place.dueAt().isBefore(SetAside.NEVER) ? place.dueAt() : null;
  }

  private QueueStatus sent(Place place, @Nullable Check check) {
    boolean underWay = place.claimed();
    String reason = place.reason();
    return new QueueStatus(
        reason != null
            ? reason
            : underWay
                ? "it is being sent to Kling; the answer is awaited"
                : "it was sent, and whether Kling accepted it is not known yet",
        "Kling is asked for it; nothing is sent again before it is proved that Kling does not have"
            + " it",
        underWay || check == null ? null : check.at(),
        null,
        false,
        null,
        null,
        place.deadlineAt(),
        place.attempts());
  }

  private QueueStatus away(Task task, @Nullable Check check) {
    String reason =
        switch (task.status()) {
          case QUEUED -> "it is not in our queue: another program submits it to Kling";
          case SUBMITTED -> "Kling accepted it and has not begun to render";
          case PROCESSING -> "Kling renders it";
          case EXPIRED -> "nothing was heard of it for too long; a late result still counts";
          case SUCCEED -> "it has ended: rendered";
          case FAILED -> "it has ended: failed";
          case CANCELED -> "it has ended: canceled before it was sent";
        };
    String message = task.statusMessage();
    Duration render = estimate(task);
    Instant dispatched = task.dispatchedAt();
    return new QueueStatus(
        message == null ? reason : reason + " (" + message + ")",
        check == null ? null : next(task.id(), check),
        check == null || check.aside() != null ? null : check.at(),
        null,
        false,
        null,
        task.status().isFinal() || dispatched == null || render == null
            ? null
            : dispatched.plus(render),
        null,
        0);
  }

  private static String next(String taskId, Check check) {
    return check.aside() == null
        ? "Kling calls back, or is asked at " + Rfc3339.format(check.at())
        : "Kling's answer could not be processed ("
            + check.aside()
            + "): Kling calls back, or is asked when an administrator has it tried again"
            + " (POST /admin/v1/set-aside/check:"
            + taskId
            + "/retry)";
  }

  private @Nullable Duration estimate(Task task) {
    return task.status().isFinal()
        ? null
        : view().medians().get(new Product(task.kind(), models.of(task.upstreamModel())));
  }

  private static Place place(ResultSet row) throws SQLException {
    return new Place(
        row.getString("place_tenant"),
        row.getString("place_family"),
        row.getString("place_model"),
        row.getInt("place_slots"),
        row.getTimestamp("place_due_at").toInstant(),
        instant(row.getTimestamp("place_deadline_at")),
        row.getBoolean("place_claimed"),
        row.getInt("place_attempts"),
        instant(row.getTimestamp("place_sent_at")),
        row.getString("place_reason"),
        (int) Math.min(COUNTED, row.getLong("place_ahead")));
  }

  private View view() {
    View known = view;
    Instant now = clock.instant();
    if (known != null && now.isBefore(known.at().plus(VIEW_LIFE))) {
      return known;
    }
    PoolStore.Snapshot snapshot = pools.snapshot();
    View fresh =
        new View(
            now,
            snapshot,
            accounts.judge(snapshot),
            jdbi.withHandle(handle -> DispatchStore.queues(handle, null, config.queues())),
            medians());
    view = fresh;
    return fresh;
  }

  private Map<Product, Duration> medians() {
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

  private static @Nullable Instant instant(@Nullable Timestamp time) {
    return time == null ? null : time.toInstant();
  }
}
