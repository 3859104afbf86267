package io.klingtracker.console;

import io.klingtracker.dispatch.QueueResource;
import io.klingtracker.feed.Feed;
import io.klingtracker.feed.FeedEvent;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.reconcile.Hastening;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskPage;
import io.klingtracker.task.Tasks;
import io.klingtracker.tenant.ConsoleSessions;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.OpenCalls;
import io.klingtracker.tenant.Scope;
import io.klingtracker.tenant.Tenants;
import io.klingtracker.upstream.QueueView;
import io.klingtracker.upstream.QueueView.ExplainedTask;
import io.klingtracker.upstream.UpstreamConfig;
import io.klingtracker.webhook.WebhookResource;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Multi;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.sse.OutboundSseEvent;
import jakarta.ws.rs.sse.Sse;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jboss.resteasy.reactive.ResponseHeader;
import org.jspecify.annotations.Nullable;

/** The pages about tasks, their live changes, and their actions. */
@Path("/console")
@Blocking
public class ConsoleResource {

  /** Rows of a list. */
  static final int PAGE = 50;

  /** Tenants that an administrator is shown to choose from. */
  static final int MAX_TENANTS = 500;

  /** A page's stream begins anew after this, so that its session is looked at again. */
  static final Duration LIVE = Duration.ofMinutes(15);

  private static final Pattern TASK_ID = Pattern.compile("task_[0-9a-z]{26}");

  private final Tasks tasks;
  private final QueueView queue;
  private final QueueResource actions;
  private final WebhookResource webhooks;
  private final Hastening hastening;
  private final Feed feed;
  private final Tenants tenants;
  private final TaskPages taskPages;
  private final PageAnswers pages;
  private final ConsoleSessions sessions;
  private final CurrentCaller caller;
  private final OpenCalls calls;
  private final String url;
  private final Clock clock;

  @Inject
  ConsoleResource(
      Tasks tasks,
      QueueView queue,
      QueueResource actions,
      WebhookResource webhooks,
      Hastening hastening,
      Feed feed,
      Tenants tenants,
      TaskPages taskPages,
      PageAnswers pages,
      ConsoleSessions sessions,
      CurrentCaller caller,
      OpenCalls calls,
      UpstreamConfig upstream,
      Clock clock) {
    this.tasks = tasks;
    this.queue = queue;
    this.actions = actions;
    this.webhooks = webhooks;
    this.hastening = hastening;
    this.feed = feed;
    this.tenants = tenants;
    this.taskPages = taskPages;
    this.pages = pages;
    this.sessions = sessions;
    this.caller = caller;
    this.calls = calls;
    this.url = TaskPages.url(upstream);
    this.clock = clock;
  }

  /** Where one begins. */
  @GET
  @Needs(Scope.READ)
  public Response home() {
    return PageAnswers.to(frame("", "").at("/console/tasks"));
  }

  /** Tasks that are searched for; an id leads to its task. */
  @GET
  @Needs(Scope.READ)
  @Path("/tasks")
  public Response tasks(
      @QueryParam("q") @Nullable String q, @QueryParam("before") @Nullable String before) {
    Search search = Search.of(q);
    String id = search.id();
    if (!caller.hasTenant()) {
      return id == null
          ? chooseTenant("/console/tasks?q=" + Shown.encoded(search.text()))
          : chooseOwner(id, "");
    }
    if (id != null) {
      Optional<Task> found = tasks.findByAnyId(caller.tenant(), id);
      if (found.isPresent()) {
        return PageAnswers.to(frame("", "").at("/console/tasks/" + found.get().id()));
      }
    }
    String from = before != null && TASK_ID.matcher(before).matches() ? before : null;
    boolean searchable = search.fault() == null && id == null;
    // One more than shown decides whether there is a next page.
    TaskPage page =
        searchable
            ? tasks.page(caller.tenant(), search.filter(), from, PAGE + 1)
            : new TaskPage(List.of(), false);
    List<Task> shown = page.tasks().subList(0, Math.min(PAGE, page.tasks().size()));
    boolean more = page.cut() || page.tasks().size() > PAGE;
    Frame frame = frame("Tasks", "tasks");
    Instant now = clock.instant();
    String next =
        more
            ? frame.at(
                "/console/tasks?q="
                    + Shown.encoded(search.text())
                    + "&before="
                    + shown.get(shown.size() - 1).id())
            : null;
    return pages.page(
        Pages.tasks(
            frame,
            new TasksPage(
                search,
                shown.stream().map(task -> TasksPage.Row.of(task, now)).toList(),
                id,
                next,
                url)));
  }

  /** One row of the list, as it is now. */
  @GET
  @Needs(Scope.READ)
  @Path("/rows/{id}")
  public Response row(@PathParam("id") String id) {
    Task task = tasks.findByAnyId(caller.tenant(), id).orElseThrow(() -> none(id));
    return pages.page(Pages.row(frame("", "tasks"), TasksPage.Row.of(task, clock.instant())));
  }

  /** A task by any of its ids. */
  @GET
  @Needs(Scope.READ)
  @Path("/tasks/{id}")
  public Response task(@PathParam("id") String id) {
    return task(id, TaskPages.TABS.get(0));
  }

  /** One of the parts of its page. */
  @GET
  @Needs(Scope.READ)
  @Path("/tasks/{id}/{tab}")
  public Response task(@PathParam("id") String id, @PathParam("tab") String tab) {
    if (!TaskPages.TABS.contains(tab)) {
      throw new ProblemException(ErrorCode.NOT_FOUND, "there is no such page");
    }
    if (!caller.hasTenant()) {
      return chooseOwner(id, tab);
    }
    ExplainedTask found = queue.explain(caller.tenant(), id).orElseThrow(() -> none(id));
    return pages.page(Pages.task(frame(found.task().id(), "tasks"), taskPages.of(found, tab)));
  }

  /** Says that the task has changed, until it has ended. */
  @GET
  @Needs(Scope.READ)
  @Path("/tasks/{id}/live")
  @Produces(MediaType.SERVER_SENT_EVENTS)
  @ResponseHeader(name = "Cache-Control", value = "no-cache")
  @ResponseHeader(name = "X-Accel-Buffering", value = "no")
  public Multi<OutboundSseEvent> taskChanges(@PathParam("id") String id, @Context Sse sse) {
    Task task = tasks.findByAnyId(caller.tenant(), id).orElseThrow(() -> none(id));
    if (task.status().isFinal()) {
      return Multi.createFrom().item(event(sse, "end", task.id()));
    }
    return live(feed.stream(task.tenant(), task.id(), task.sequence()), sse);
  }

  /** Says which of the tenant's tasks have changed, from now on. */
  @GET
  @Needs(Scope.READ)
  @Path("/live")
  @Produces(MediaType.SERVER_SENT_EVENTS)
  @ResponseHeader(name = "Cache-Control", value = "no-cache")
  @ResponseHeader(name = "X-Accel-Buffering", value = "no")
  public Multi<OutboundSseEvent> changes(@Context Sse sse) {
    return live(feed.stream(caller.tenant(), feed.now()), sse);
  }

  private Multi<OutboundSseEvent> live(Multi<List<FeedEvent>> changes, Sse sse) {
    Multi<OutboundSseEvent> events =
        changes
            .onItem()
            .transformToMultiAndConcatenate(
                page ->
                    page.isEmpty()
                        ? Multi.createFrom().item(sse.newEventBuilder().comment("alive").build())
                        : Multi.createFrom()
                            .iterable(page)
                            .map(
                                change ->
                                    event(
                                        sse, change.isLast() ? "end" : "change", change.taskId())));
    return calls.whileAllowed(events).select().first(LIVE);
  }

  private static OutboundSseEvent event(Sse sse, String name, String taskId) {
    return sse.newEventBuilder().name(name).data(String.class, taskId).build();
  }

  /** Takes a task out of the queue. */
  @POST
  @Needs(Scope.SUBMIT)
  @Path("/tasks/{id}/cancel")
  @Consumes(MediaType.APPLICATION_FORM_URLENCODED)
  public Response cancel(@PathParam("id") String id, @Nullable String body) {
    checkForm(body);
    return shown(actions.cancel(id).taskId(), "");
  }

  /** Has Kling asked about a task at once; the page changes when that brings news. */
  @POST
  @Needs(Scope.READ)
  @Path("/tasks/{id}/check")
  @Consumes(MediaType.APPLICATION_FORM_URLENCODED)
  public Response check(@PathParam("id") String id, @Nullable String body) {
    checkForm(body);
    Task task = tasks.findByAnyId(caller.tenant(), id).orElseThrow(() -> none(id));
    if (!task.status().isFinal()) {
      hastening.ask(task.id());
    }
    return shown(task.id(), "");
  }

  /** Has the latest change of a task delivered again. */
  @POST
  @Needs(Scope.WEBHOOKS)
  @Path("/tasks/{id}/redeliver")
  @Consumes(MediaType.APPLICATION_FORM_URLENCODED)
  public Response redeliver(@PathParam("id") String id, @Nullable String body) {
    checkForm(body);
    Task task = tasks.findByAnyId(caller.tenant(), id).orElseThrow(() -> none(id));
    String delivery =
        webhooks.list(task.id(), null, null, "1", null).deliveries().stream()
            .map(latest -> latest.id())
            .findFirst()
            .orElseThrow(
                () ->
                    new ProblemException(
                        ErrorCode.NOT_FOUND, "the task has no webhook that could be sent again"));
    webhooks.redeliver(delivery);
    return shown(task.id(), "/deliveries");
  }

  private void checkForm(@Nullable String body) {
    sessions.checkForm(caller.session(), Form.of(body).get("csrf"));
  }

  private Response shown(String taskId, String tab) {
    return PageAnswers.to(frame("", "").at("/console/tasks/" + taskId + tab));
  }

  private Frame frame(String title, String place) {
    return pages.frame(title, place);
  }

  private Response chooseTenant(String back) {
    List<TenantPage.Choice> choices =
        tenants.page("", MAX_TENANTS).stream()
            .map(
                tenant ->
                    new TenantPage.Choice(
                        tenant.id(), tenant.settings().name(), of(back, tenant.id())))
            .toList();
    return pages.page(Pages.tenants(frame("Tenants", ""), new TenantPage(choices, back)));
  }

  /** Whose task this is: one tenant's, of which the page is shown, or one of several. */
  private Response chooseOwner(String id, String tab) {
    String first = TaskPages.TABS.get(0);
    String path =
        "/console/tasks/"
            + Shown.encoded(id)
            + (tab.isEmpty() || tab.equals(first) ? "" : "/" + tab);
    List<String> owners = tasks.tenantsWith(id, MAX_TENANTS);
    if (owners.size() == 1) {
      return PageAnswers.to(of(path, owners.get(0)));
    }
    return pages.page(
        owners.isEmpty() ? ErrorCode.TASK_NOT_FOUND.httpStatus() : 200,
        Pages.tenants(
            frame("Tenants", ""),
            new TenantPage(
                owners.stream()
                    .map(
                        owner ->
                            new TenantPage.Choice(owner, "has a task of this id", of(path, owner)))
                    .toList(),
                path)));
  }

  private static String of(String path, String tenant) {
    return path + (path.contains("?") ? "&" : "?") + "tenant=" + Shown.encoded(tenant);
  }

  private static ProblemException none(String id) {
    return new ProblemException(ErrorCode.TASK_NOT_FOUND, "no task has the id " + id);
  }
}
