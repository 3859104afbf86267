package io.klingtracker.dispatch;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.dispatch.QueueReader.Check;
import io.klingtracker.dispatch.QueueReader.Place;
import io.klingtracker.dispatch.QueueReader.Product;
import io.klingtracker.dispatch.SlotPlan.TenantQueue;
import io.klingtracker.loops.SetAside;
import io.klingtracker.task.Source;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.KnownModels;
import io.klingtracker.upstream.QueueView;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Why each task waits, and for how long. */
@Singleton
class QueueExplainer implements QueueView {

  /** How long one look at the slots serves. */
  private static final Duration VIEW_LIFE = Duration.ofSeconds(1);

  private record View(
      Instant at,
      PoolStore.Snapshot snapshot,
      Capacity capacity,
      List<TenantQueue> queues,
      Map<Product, Duration> medians) {}

  private final QueueReader reader;
  private final FairQueue queues;
  private final Tasks tasks;
  private final PoolStore pools;
  private final ConfiguredAccounts accounts;
  private final KnownModels models;
  private final Clock clock;
  private volatile @Nullable View view;

  @Inject
  QueueExplainer(
      QueueReader reader,
      FairQueue queues,
      Tasks tasks,
      PoolStore pools,
      ConfiguredAccounts accounts,
      KnownModels models,
      Clock clock) {
    this.reader = reader;
    this.queues = queues;
    this.tasks = tasks;
    this.pools = pools;
    this.accounts = accounts;
    this.models = models;
    this.clock = clock;
  }

  @Override
  public boolean cancel(String taskId) {
    return cancel(List.of(taskId)) > 0;
  }

  @Override
  public List<String> waiting(List<String> taskIds) {
    return reader.waiting(taskIds);
  }

  @Override
  public int cancel(List<String> taskIds) {
    return tasks.withdraw(
        taskIds, Source.CANCEL, new TaskSignal.Canceled("canceled before it was sent to Kling"));
  }

  @Override
  public Optional<TaskInQueue> find(String tenant, String id) {
    // The place is judged when the connection is back: that may take another one.
    return reader
        .find(tenant, id)
        .map(
            found ->
                new TaskInQueue(
                    found.task(),
                    found.place() == null || found.place().sentAt() != null
                        ? null
                        : waiting(found.task(), found.place())));
  }

  @Override
  public Optional<ExplainedTask> explain(String tenant, String id) {
    return reader
        .whole(tenant, id)
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

  private QueueStatus waiting(Task task, Place place) {
    View now = view();
    double total = 0;
    int weight = 1;
    for (TenantQueue queue : now.queues()) {
      if (queue.model().family().equals(place.family())
          && queue.model().model().equals(place.model())
          && Objects.equals(queue.account(), place.account())) {
        total += queue.weight();
        weight = queue.tenant().equals(place.tenant()) ? Math.max(1, queue.weight()) : weight;
      }
    }
    int slots = 0;
    int free = 0;
    for (String account : accounts(now, place)) {
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
        next(now, task.kind(), place),
        place.dueAt().isAfter(time) ? nextAt(place) : null,
        place.ahead() + 1,
        place.ahead() >= QueueReader.COUNTED,
        dispatch == null ? null : time.plus(dispatch),
        finish == null ? null : time.plus(finish),
        place.deadlineAt(),
        place.attempts());
  }

  private static String next(View now, String kind, Place place) {
    if (Catalog.current().ofName(kind).isEmpty()) {
      return "it fails, unsent, unless the catalogue has the kind %s again within %s minutes"
          .formatted(kind, Dispatcher.KIND_GONE_AFTER.toMinutes());
    }
    String account = place.account();
    return account == null || now.capacity().accounts().contains(account)
        ? "it is sent to Kling when its turn comes and a slot is free"
        : "it fails, unsent, unless account %s is configured again within %s minutes"
            .formatted(account, GoneAccounts.GONE_AFTER.toMinutes());
  }

  /** Where it may go. */
  private static Set<String> accounts(View now, Place place) {
    return place.account() == null ? now.capacity().accounts() : Set.of(place.account());
  }

  private static String reason(View now, Place place, int slots, int free, Instant time) {
    String model =
        place.model().equals(ModelMapping.OTHER) ? "other " + place.family() : place.model();
    StringBuilder reason = new StringBuilder();
    if (place.account() != null) {
      reason.append("what it names is on account ").append(place.account()).append(": ");
    }
    if (slots == 0) {
      reason.append("no account takes tasks of ").append(model).append(" now: ");
      reason.append(
          accounts(now, place).stream()
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
        place.unnamed() && !underWay
            ? "it is not sent again by itself: a callback decides, or an administrator who has"
                + " looked at Kling (/admin/v1/doubts)"
            : "Kling is asked for it; nothing is sent again before it is proved that Kling does not"
                + " have it",
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
          case EXPIRED -> "there was no news of it for too long; a late result still counts";
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

  private View view() {
    View known = view;
    Instant now = clock.instant();
    if (known != null && now.isBefore(known.at().plus(VIEW_LIFE))) {
      return known;
    }
    PoolStore.Snapshot snapshot = pools.snapshot();
    View fresh = new View(now, snapshot, accounts.judge(snapshot), queues.all(), reader.medians());
    view = fresh;
    return fresh;
  }
}
