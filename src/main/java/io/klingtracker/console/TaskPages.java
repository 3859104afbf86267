package io.klingtracker.console;

import io.klingtracker.callback.CallbackResource.CallbacksView;
import io.klingtracker.callback.TaskCallbacks;
import io.klingtracker.catalog.Catalog;
import io.klingtracker.console.TaskPage.Callbacks;
import io.klingtracker.console.TaskPage.Deliveries;
import io.klingtracker.console.TaskPage.Fact;
import io.klingtracker.console.TaskPage.History;
import io.klingtracker.console.TaskPage.Request;
import io.klingtracker.dispatch.RequestResource.RequestView;
import io.klingtracker.dispatch.TaskRequests;
import io.klingtracker.feed.Feed;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.TaskView;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.Timeline;
import io.klingtracker.task.TimelineEntry;
import io.klingtracker.tenant.ConsoleConfig;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Scope;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.QueueView.ExplainedTask;
import io.klingtracker.upstream.QueueView.QueueStatus;
import io.klingtracker.upstream.UpstreamConfig;
import io.klingtracker.webhook.TaskDeliveries;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes the page of a task: the task, and what its tab shows, in two more statements at the most.
 */
@Singleton
class TaskPages {

  /** The parts of a task's page; the first is the page itself. */
  static final List<String> TABS = TaskPage.TABS;

  /** Lines of a history on a page. */
  private static final int MAX_ENTRIES = 500;

  /** Events of a task on a page; it has a few. */
  private static final int MAX_EVENTS = 50;

  private final Tasks tasks;
  private final TaskRequests requests;
  private final TaskCallbacks callbacks;
  private final TaskDeliveries deliveries;
  private final Feed feed;
  private final CurrentCaller caller;
  private final ConsoleConfig config;
  private final String url;
  private final Clock clock;

  @Inject
  TaskPages(
      Tasks tasks,
      TaskRequests requests,
      TaskCallbacks callbacks,
      TaskDeliveries deliveries,
      Feed feed,
      CurrentCaller caller,
      ConsoleConfig config,
      UpstreamConfig upstream,
      Clock clock) {
    this.tasks = tasks;
    this.requests = requests;
    this.callbacks = callbacks;
    this.deliveries = deliveries;
    this.feed = feed;
    this.caller = caller;
    this.config = config;
    this.url = url(upstream);
    this.clock = clock;
  }

  /** Under which callers reach the service. */
  static String url(UpstreamConfig upstream) {
    return upstream.publicUrl().map(Object::toString).orElse("").replaceAll("/+$", "");
  }

  /** The page of a task that was found for its tenant. */
  TaskPage of(ExplainedTask found, String tab) {
    Task task = found.task();
    QueueStatus queue = found.queueStatus();
    boolean first = tab.equals(TaskPage.TABS.get(0));
    Timeline timeline = first ? tasks.timeline(task, null, MAX_ENTRIES) : null;
    return new TaskPage(
        TaskView.of(task),
        "/console/tasks/" + task.id(),
        tab,
        facts(task, timeline),
        queue.reason(),
        next(queue),
        MediaOfResult.of(task.result()),
        !task.status().isFinal(),
        !task.status().isFinal() && task.status() != TaskStatus.QUEUED,
        task.status() == TaskStatus.QUEUED && caller.may(Scope.SUBMIT),
        task.callbackUrl() != null && task.sequence() > 1 && caller.may(Scope.WEBHOOKS),
        timeline == null ? History.NONE : history(task, timeline),
        tab.equals("request") ? request(task) : Request.NONE,
        tab.equals("callbacks") ? callbacks(task) : Callbacks.NONE,
        tab.equals("deliveries") ? deliveries(task) : Deliveries.NONE,
        tab.equals("events") ? feed.payloads(task.id(), MAX_EVENTS) : List.of());
  }

  private static @Nullable String next(QueueStatus queue) {
    Instant at = queue.nextAt();
    return queue.next() == null
        ? null
        : queue.next() + (at == null ? "" : ", " + Rfc3339.format(at));
  }

  private List<Fact> facts(Task task, @Nullable Timeline timeline) {
    Instant now = clock.instant();
    Instant finished = task.finishedAt();
    Instant end = finished == null ? now : finished;
    Instant dispatched = task.dispatchedAt();
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("Kind", task.kind(), null));
    add(facts, "Model", model(task));
    add(facts, "Account", task.account());
    add(facts, "external_task_id", task.externalTaskId());
    add(facts, "Kling's id", task.klingTaskId());
    facts.add(new Fact("Cost", Shown.cost(task), null));
    facts.add(time("Submitted", task.createdAt()));
    facts.add(
        new Fact(
            "Queued for",
            Shown.between(task.createdAt(), dispatched == null ? end : dispatched),
            null));
    if (dispatched != null) {
      facts.add(new Fact("At Kling for", Shown.between(dispatched, end), null));
    }
    Instant expires = task.resultExpiresAt();
    if (expires != null) {
      facts.add(new Fact("Link", link(expires, now), null));
    }
    String word = timeline == null ? null : lastWord(timeline.entries());
    add(facts, "Last word", word);
    add(facts, "Metadata", task.metadata());
    return facts;
  }

  private static String link(Instant expires, Instant now) {
    return expires.isAfter(now)
        ? "dies in " + Shown.duration(Duration.between(now, expires))
        : "died " + Shown.duration(Duration.between(expires, now)) + " ago";
  }

  private static void add(List<Fact> facts, String name, @Nullable String value) {
    if (value != null) {
      facts.add(new Fact(name, value, null));
    }
  }

  private static Fact time(String name, Instant at) {
    return new Fact(name, Rfc3339.format(at), Rfc3339.format(at));
  }

  private static @Nullable String model(Task task) {
    return task.upstreamModel() == null || task.upstreamModel().equals(task.model())
        ? task.model()
        : task.model() + " as " + task.upstreamModel();
  }

  /** Whose word moved it last. */
  private static @Nullable String lastWord(List<TimelineEntry> entries) {
    String source = null;
    for (TimelineEntry entry : entries) {
      source = entry.applied() ? entry.source() : source;
    }
    if (source == null) {
      return null;
    }
    return switch (source) {
      case "submit" -> "the caller's, who submitted it";
      case "dispatch" -> "Kling's answer to the create";
      case "callback" -> "Kling's callback";
      case "poll" -> "Kling's answer when asked";
      case "cancel" -> "the caller's, who canceled it";
      case "deadline" -> "its deadline";
      case "admin" -> "an administrator's";
      default -> source;
    };
  }

  private History history(Task task, Timeline timeline) {
    List<TimelineEntry> entries = timeline.entries();
    List<TaskDeliveries.Attempt> attempts =
        task.callbackUrl() == null ? List.of() : deliveries.attempts(task.tenant(), task.id());
    return new History(
        TimeLine.of(task, entries, attempts, clock.instant()), entries, timeline.next() != null);
  }

  private Request request(Task task) {
    RequestView view = requests.find(task.tenant(), task.id()).orElseThrow();
    boolean hidden = config.hidePrompts();
    return new Request(
        Comparison.of(view.asked(), view.sent(), hidden),
        view.sent() != null,
        hidden || view.asked() == null ? null : curl(task, view.asked()));
  }

  /** For a shell, whatever the body has in it. */
  private @Nullable String curl(Task task, String body) {
    return Catalog.current()
        .ofSent(task.kind())
        .map(kind -> kind.createPath(task.model()))
        .map(
            path ->
                "curl -s -X POST "
                    + url
                    + "/kling"
                    + path
                    + " -H \"Authorization: Bearer $KTT_KEY\" -H 'Content-Type: application/json' -d '"
                    + body.replace("'", "'\\''")
                    + "'")
        .orElse(null);
  }

  private Callbacks callbacks(Task task) {
    CallbacksView view = callbacks.of(task.id());
    return new Callbacks(view.callbacks(), view.leftOut());
  }

  private Deliveries deliveries(Task task) {
    return task.callbackUrl() == null
        ? Deliveries.NONE
        : new Deliveries(
            deliveries.of(task.tenant(), task.id()), deliveries.attempts(task.tenant(), task.id()));
  }
}
