package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.simulator.Orders.Field;
import io.klingtracker.simulator.Orders.Type;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The control port: orders and questions in plain JSON. {@code GET /} tells which there are, all
 * faults with their parameters, how the switches are set, and what is on order now; what is none of
 * them is answered with 400 and says what was wrong.
 */
final class ControlRoutes {

  private static final Field NEEDED_TEXT = new Field(Type.TEXT, true);
  private static final Field TEXT = new Field(Type.TEXT, false);
  private static final Field NUMBER = new Field(Type.WHOLE_NUMBER, false);
  private static final Map<String, Field> NOTHING = Map.of();

  private static final Map<String, Map<String, Field>> ORDERS = new LinkedHashMap<>();

  static {
    ORDERS.put("GET /", NOTHING);
    ORDERS.put("GET /ledger", NOTHING);
    ORDERS.put("GET /ledger/creates", Orders.fields("external_id", TEXT));
    ORDERS.put("GET /ledger/callbacks", Orders.fields("task", TEXT));
    ORDERS.put("GET /faults", NOTHING);
    ORDERS.put("POST /faults", Orders.RULE);
    ORDERS.put("DELETE /faults", NOTHING);
    // Accepts creates without answering them, until they are released.
    ORDERS.put("POST /hold", NOTHING);
    ORDERS.put("POST /release", NOTHING);
    // Nobody listens for so long.
    ORDERS.put("POST /outage", Orders.fields("millis", new Field(Type.WHOLE_NUMBER, true)));
    // Sends one now.
    ORDERS.put("POST /callbacks", Orders.fields("task", NEEDED_TEXT, "status", TEXT, "body", TEXT));
    // Ends a task now.
    ORDERS.put("POST /finish", Orders.fields("task", NEEDED_TEXT, "status", TEXT, "message", TEXT));
    // A task as Kling would tell it.
    ORDERS.put("GET /tasks", Orders.fields("id", NEEDED_TEXT));
    ORDERS.put(
        "POST /settings",
        Orders.fields(
            "slots",
            NUMBER,
            "submitted_millis",
            NUMBER,
            "total_millis",
            NUMBER,
            "cash",
            TEXT,
            "cash_unit",
            new Field(Type.NUMBER, false)));
    // Forgets everything.
    ORDERS.put("POST /reset", NOTHING);
  }

  private final KlingSimulator simulator;
  private final TaskBook book;
  private final Faults faults;
  private final Ledger ledger;
  private final CallbackSender callbacks;

  ControlRoutes(
      KlingSimulator simulator,
      TaskBook book,
      Faults faults,
      Ledger ledger,
      CallbackSender callbacks) {
    this.simulator = simulator;
    this.book = book;
    this.faults = faults;
    this.ledger = ledger;
    this.callbacks = callbacks;
  }

  void handle(HttpServerRequest request) {
    request
        .body()
        .onSuccess(
            bytes -> {
              try {
                answer(request, bytes);
              } catch (RuntimeException e) {
                reply(request, 400, error(String.valueOf(e.getMessage())));
              }
            });
  }

  private void answer(HttpServerRequest request, Buffer bytes) {
    String order = request.method() + " " + request.path();
    Map<String, Field> fields = ORDERS.get(order);
    if (fields == null) {
      reply(
          request,
          404,
          error(order + " is not known; there are " + String.join(", ", ORDERS.keySet())));
      return;
    }
    if (request.method() == HttpMethod.GET) {
      request
          .params()
          .names()
          .forEach(
              name -> {
                if (!fields.containsKey(name)) {
                  throw new IllegalArgumentException("parameter " + name + " is not known");
                }
              });
      reply(request, 200, answer(order, request));
    } else if (order.equals("POST /faults")) {
      faults.add(Orders.rule(bytes.toString()));
      done(request);
    } else {
      ordered(order, request, Orders.read(bytes.toString(), fields));
    }
  }

  private Object answer(String order, HttpServerRequest request) {
    return switch (order) {
      case "GET /" -> overview();
      case "GET /ledger" -> ledger.totals(simulator.held());
      case "GET /ledger/creates" -> {
        String id = request.getParam("external_id");
        yield ledger.creates(c -> id == null || id.equals(c.externalId()));
      }
      case "GET /ledger/callbacks" -> {
        String id = request.getParam("task");
        yield ledger.callbacks(
            c -> id == null || id.equals(c.taskId()) || id.equals(c.externalId()));
      }
      case "GET /faults" -> faults.rules();
      case "GET /tasks" -> tell(task(request.getParam("id")));
      default -> throw new IllegalStateException(order);
    };
  }

  private void ordered(String order, HttpServerRequest request, ObjectNode body) {
    switch (order) {
      case "DELETE /faults" -> faults.clear();
      case "POST /hold" -> simulator.hold();
      case "POST /release" -> simulator.release();
      case "POST /outage" -> simulator.goAway(millis(body, "millis", Duration.ZERO).toMillis());
      case "POST /finish" ->
          simulator.move(
              task(body.path("task").asText()),
              new Fault.CallbackFirst(body.path("status").asText("succeed")).status(),
              body.path("message").asText(""));
      case "POST /settings" -> change(body);
      case "POST /reset" -> simulator.reset();
      case "POST /callbacks" -> {
        SimulatedTask task = task(body.path("task").asText());
        callbacks
            .send(
                task,
                body.path("status").asText(task.status),
                body.hasNonNull("body") ? body.get("body").asText() : null)
            .onComplete(sent -> done(request));
        return;
      }
      default -> throw new IllegalStateException(order);
    }
    done(request);
  }

  /** All that can be ordered, and what is. */
  private ObjectNode overview() {
    ObjectNode answer = Json.object();
    ObjectNode orders = answer.putObject("orders");
    ORDERS.forEach((order, fields) -> orders.set(order, words(fields)));
    ArrayNode kinds = answer.putArray("faults");
    for (FaultKinds.Kind kind : FaultKinds.all()) {
      ObjectNode one = kinds.addObject().put("type", kind.type());
      ArrayNode on = one.putArray("on");
      kind.on().forEach(operation -> on.add(operation.word()));
      one.set("parameters", words(kind.parameters()));
      one.put("says", kind.says());
    }
    answer.set("ordered", Json.MAPPER.valueToTree(faults.ordered()));
    SimulatorSettings settings = simulator.settings();
    answer.set("switches", Json.MAPPER.valueToTree(settings.switches()));
    answer
        .putObject("state")
        .put("holding", simulator.isHolding())
        .put("held", simulator.held())
        .put("tasks", book.size())
        .put("slots", settings.slots)
        .put("submitted_millis", settings.submittedFor.toMillis())
        .put("total_millis", settings.rendersFor.toMillis())
        .put("seed", settings.seed);
    return answer;
  }

  private static ObjectNode words(Map<String, Field> fields) {
    ObjectNode words = Json.object();
    fields.forEach((name, field) -> words.put(name, field.word()));
    return words;
  }

  private SimulatedTask task(@Nullable String id) {
    SimulatedTask task = id == null ? null : book.find(id);
    if (task == null) {
      throw new IllegalArgumentException("no such task: " + id);
    }
    return task;
  }

  private static ObjectNode tell(SimulatedTask task) {
    ObjectNode answer = Json.MAPPER.valueToTree(task.order);
    return answer.put("status", task.status).put("updatedAt", task.updatedAt);
  }

  private void change(ObjectNode body) {
    SimulatorSettings settings = simulator.settings();
    int slots = body.path("slots").asInt(settings.slots);
    if (slots < 0) {
      throw new IllegalArgumentException("slots must not be negative");
    }
    settings.slots(slots);
    if (body.has("submitted_millis") || body.has("total_millis")) {
      Duration submitted = millis(body, "submitted_millis", settings.submittedFor);
      Duration total = millis(body, "total_millis", settings.rendersFor);
      settings.renderTimes(submitted, total);
    }
    if (body.has("cash")) {
      settings.cash(
          body.get("cash").asText(), new BigDecimal(body.path("cash_unit").asText("0.14")));
    }
  }

  private static Duration millis(ObjectNode body, String field, Duration byDefault) {
    long millis = body.path(field).asLong(byDefault.toMillis());
    if (millis < 0 || millis > Fault.MAX_MILLIS) {
      throw new IllegalArgumentException(
          field + " must be 0 to " + Fault.MAX_MILLIS + ", not " + millis);
    }
    return Duration.ofMillis(millis);
  }

  private static ObjectNode error(String words) {
    return Json.object().put("error", words);
  }

  private static void done(HttpServerRequest request) {
    reply(request, 200, Json.object().put("done", true));
  }

  private static void reply(HttpServerRequest request, int status, Object body) {
    new Reply(status, Json.write(body)).write(request);
  }
}
