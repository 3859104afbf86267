package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Kling's routes: decides what a request is, and what Kling would answer were all well. */
final class KlingRoutes {

  private static final Set<String> SYNCHRONOUS =
      Set.of(
          "/v1/audio/tts",
          "/v1/videos/identify-face",
          "/v1/videos/image-recognize",
          "/v1/general/delete-voices",
          "/v1/general/delete-advanced-elements",
          "/v1/general/delete-elements");

  private static final Set<String> PRESETS =
      Set.of("/v1/general/presets-voices", "/v1/general/advanced-presets-elements");
  private static final int MAX_IDS = 20;
  private static final int MAX_PAGE = 1000;
  private static final int MAX_PAGE_SIZE = 500;
  private static final int DEFAULT_PAGE_SIZE = 30;
  private static final int DEFAULT_LIMIT = 100;
  private static final long DEFAULT_WINDOW_MILLIS = 30L * 24 * 60 * 60 * 1000;

  /**
   * A request, sorted.
   *
   * @param product null where the route is not a product's
   * @param id what a query asks for, or the external id of a create
   * @param leftOut the share of tasks that lists leave out
   */
  record Call(
      @Nullable Operation operation,
      @Nullable Product product,
      String path,
      @Nullable String id,
      HttpServerRequest request,
      @Nullable ObjectNode body,
      double leftOut) {

    Call(
        @Nullable Operation operation,
        @Nullable Product product,
        String path,
        @Nullable String id,
        HttpServerRequest request,
        @Nullable ObjectNode body) {
      this(operation, product, path, id, request, body, 0);
    }

    Call without(Fault.LeaveOut fault) {
      return new Call(operation, product, path, id, request, body, fault.share());
    }

    /** Always the same answer for a task. */
    private boolean shows(SimulatedTask task) {
      return Math.floorMod(task.order.id().hashCode() * 31, 1000) >= leftOut * 1000;
    }
  }

  /**
   * What came of a call.
   *
   * @param accepted the task of an accepted create
   */
  record Result(Reply reply, @Nullable SimulatedTask accepted) {}

  private final SimulatorSettings settings;
  private final Credentials credentials;
  private final TaskBook book;
  private final Answers answers;
  private final Faults faults;
  private final Ledger ledger;
  private final Snowflakes ids;
  private final Billing billing;

  KlingRoutes(
      SimulatorSettings settings,
      TaskBook book,
      Answers answers,
      Faults faults,
      Ledger ledger,
      Snowflakes ids) {
    this.settings = settings;
    this.credentials = new Credentials(settings);
    this.book = book;
    this.answers = answers;
    this.faults = faults;
    this.ledger = ledger;
    this.ids = ids;
    this.billing = new Billing(settings, book);
  }

  /** What a request is. */
  Call sort(HttpServerRequest request, Buffer bytes) {
    String path = request.path();
    boolean post = request.method() == HttpMethod.POST;
    boolean get = request.method() == HttpMethod.GET;
    ObjectNode body = post ? Json.readObject(bytes.toString()).orElse(null) : null;
    if (SYNCHRONOUS.contains(path)) {
      return new Call(post ? Operation.CREATE : null, null, path, null, request, body);
    }
    if (PRESETS.contains(path)) {
      return new Call(get ? Operation.QUERY : null, null, path, null, request, body);
    }
    if (path.equals("/tasks")) {
      Operation operation = post ? Operation.LIST : get ? Operation.QUERY : null;
      return new Call(operation, null, path, null, request, body);
    }
    Optional<Product> product = Product.of(path);
    if (product.isEmpty()) {
      return new Call(null, null, path, null, request, body);
    }
    String rest = path.substring(product.get().path().length());
    boolean newGeneration = product.get().isNewGeneration();
    Operation operation = null;
    String id = null;
    if (post && rest.isEmpty() != newGeneration) {
      operation = Operation.CREATE;
      id = externalId(body, newGeneration);
    } else if (get && !newGeneration) {
      operation = rest.isEmpty() ? Operation.LIST : Operation.QUERY;
      id = rest.isEmpty() ? null : decode(rest.substring(1));
    }
    return new Call(operation, product.get(), path, id, request, body);
  }

  private static String decode(String segment) {
    return java.net.URLDecoder.decode(
        segment.replace("+", "%2B"), java.nio.charset.StandardCharsets.UTF_8);
  }

  private static @Nullable String externalId(@Nullable ObjectNode body, boolean newGeneration) {
    if (body == null) {
      return null;
    }
    JsonNode holder = newGeneration ? body.path("options") : body;
    String id = holder.path("external_task_id").asText("");
    return id.isEmpty() ? null : id;
  }

  /** What Kling answers; an accepted create is already booked. */
  Result answer(Call call) {
    try {
      boolean newGeneration =
          call.path().equals("/tasks")
              || (call.product() != null && call.product().isNewGeneration());
      String account =
          credentials.account(call.request().getHeader("Authorization"), newGeneration);
      return answer(call, account);
    } catch (Refusal refusal) {
      ledger.refused(refusal.code);
      return new Result(
          new Reply(refusal.status, Json.write(answers.refusal(refusal.code, refusal.text()))),
          null);
    }
  }

  private Result answer(Call call, String account) {
    Product product = call.product();
    if (Billing.is(call.path())) {
      return new Result(Reply.ok(answers.success(billing.answer(call, account))), null);
    }
    if (call.operation() == null) {
      throw product == null && !call.path().equals("/tasks")
          ? new Refusal(404, 1203, "The requested resource does not exist")
          : new Refusal(404, 1202, "The requested method is invalid for this resource");
    }
    if (call.operation() == Operation.CREATE) {
      if (call.body() == null) {
        throw new Refusal(400, 1200, "Request body is invalid");
      }
      if (product == null) {
        return new Result(Reply.ok(answers.success(answers.synchronous(call.path(), ids))), null);
      }
      return create(call, product, call.body(), account);
    }
    if (PRESETS.contains(call.path())) {
      return new Result(Reply.ok(answers.success(answers.presets(call.path()))), null);
    }
    if (product == null) {
      return new Result(
          call.operation() == Operation.QUERY ? byIds(call, account) : byCursor(call, account),
          null);
    }
    return new Result(
        call.operation() == Operation.QUERY
            ? one(call, product, account)
            : page(call, product, account),
        null);
  }

  private Result create(Call call, Product product, ObjectNode body, String account) {
    CreateBody asked = CreateBody.of(product, call.path(), body, settings);
    Fault render = faults.strike(Operation.RENDER, null, asked.externalId());
    SimulatedTask task = book.create(account, product, asked, render);
    return new Result(Reply.ok(answers.accepted(task)), task);
  }

  private Reply one(Call call, Product product, String account) {
    String id = String.valueOf(call.id());
    SimulatedTask task = book.find(account, product.path(), id);
    if (task == null || !call.shows(task)) {
      throw Refusal.notFound(id);
    }
    return Reply.ok(answers.success(answers.queried(task)));
  }

  private Reply page(Call call, Product product, String account) {
    int number = number(call, "pageNum", 1, MAX_PAGE);
    int size = number(call, "pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
    ArrayNode data = Json.MAPPER.createArrayNode();
    book.page(account, product.path(), number, size).stream()
        .filter(call::shows)
        .forEach(task -> data.add(answers.listed(answers.queried(task), task)));
    return Reply.ok(answers.success(data));
  }

  private static int number(Call call, String name, int byDefault, int max) {
    String value = call.request().getParam(name);
    if (value == null || value.isEmpty()) {
      return byDefault;
    }
    if (!value.matches("[0-9]{1,6}")
        || Integer.parseInt(value) < 1
        || Integer.parseInt(value) > max) {
      throw Refusal.invalid(name + " value '" + value + "' is invalid");
    }
    return Integer.parseInt(value);
  }

  private Reply byIds(Call call, String account) {
    String taskIds = call.request().getParam("task_ids");
    String externalIds = call.request().getParam("external_task_ids");
    if ((taskIds == null) == (externalIds == null)) {
      throw Refusal.invalid("task_ids or external_task_ids is required");
    }
    List<String> asked = Arrays.asList((taskIds == null ? externalIds : taskIds).split(","));
    if (asked.size() > MAX_IDS) {
      throw Refusal.invalid("the number of ids cannot exceed " + MAX_IDS + " in total");
    }
    ArrayNode data = Json.MAPPER.createArrayNode();
    for (String id : asked) {
      SimulatedTask task = book.find(account, null, id);
      if (task != null && call.shows(task)) {
        data.add(answers.newTask(task));
      }
    }
    return Reply.ok(answers.success(data));
  }

  /** The cursor is the place in the list, and the times of the first request. */
  private Reply byCursor(Call call, String account) {
    ObjectNode body = call.body() == null ? Json.object() : call.body();
    long now = settings.clock.millis();
    long start = body.path("start_time").asLong(now - DEFAULT_WINDOW_MILLIS);
    long end = body.path("end_time").asLong(now);
    int from = 0;
    String[] cursor = body.path("cursor").asText("").split("-");
    if (cursor.length == 3) {
      start = Long.parseLong(cursor[0]);
      end = Long.parseLong(cursor[1]);
      from = Integer.parseInt(cursor[2]);
    }
    int limit = Math.min(body.path("limit").asInt(DEFAULT_LIMIT), MAX_PAGE_SIZE);
    List<SimulatedTask> all = book.between(account, start, end);
    int to = Math.min(all.size(), from + Math.max(limit, 1));
    ObjectNode data = Json.object();
    ArrayNode result = data.putArray("result");
    all.subList(Math.min(from, to), to).stream()
        .filter(call::shows)
        .forEach(task -> result.add(answers.listed(answers.newTask(task), task)));
    data.put("count", result.size());
    data.put("next_cursor", to < all.size() ? start + "-" + end + "-" + to : "");
    data.put("has_more", to < all.size());
    return Reply.ok(answers.success(data));
  }
}
