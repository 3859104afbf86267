package io.klingtracker.simulator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The control port: orders and questions in plain JSON.
 *
 * <ul>
 *   <li>{@code GET /ledger}, {@code GET /ledger/creates?external_id=}, {@code GET
 *       /ledger/callbacks?task=}
 *   <li>{@code GET|POST|DELETE /faults}: a {@link FaultRule}
 *   <li>{@code POST /hold}, {@code POST /release}: accept creates without answering them
 *   <li>{@code POST /outage {"millis"}}: nobody listens
 *   <li>{@code POST /callbacks {"task", "status", "body"}}: send one now
 *   <li>{@code POST /finish {"task", "status", "message"}}: end a task now
 *   <li>{@code GET /tasks?id=}: a task as Kling would tell it
 *   <li>{@code POST /settings {"slots", "submitted_millis", "total_millis"}}
 *   <li>{@code POST /reset}: forget everything
 * </ul>
 */
final class ControlRoutes {

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
              } catch (JsonProcessingException | RuntimeException e) {
                reply(request, 400, Json.object().put("error", e.getMessage()));
              }
            });
  }

  private void answer(HttpServerRequest request, Buffer bytes) throws JsonProcessingException {
    ObjectNode body = Json.readObject(bytes.toString()).orElseGet(Json::object);
    switch (request.method() + " " + request.path()) {
      case "GET /ledger" -> reply(request, 200, ledger.totals(simulator.held()));
      case "GET /ledger/creates" -> {
        String id = request.getParam("external_id");
        reply(request, 200, ledger.creates(c -> id == null || id.equals(c.externalId())));
      }
      case "GET /ledger/callbacks" -> {
        String id = request.getParam("task");
        reply(
            request,
            200,
            ledger.callbacks(
                c -> id == null || id.equals(c.taskId()) || id.equals(c.externalId())));
      }
      case "GET /faults" -> reply(request, 200, faults.rules());
      case "POST /faults" -> {
        faults.add(Json.MAPPER.treeToValue(body, FaultRule.class));
        done(request);
      }
      case "DELETE /faults" -> {
        faults.clear();
        done(request);
      }
      case "POST /hold" -> {
        simulator.hold();
        done(request);
      }
      case "POST /release" -> {
        simulator.release();
        done(request);
      }
      case "POST /outage" -> {
        simulator.goAway(body.path("millis").asLong());
        done(request);
      }
      case "POST /callbacks" -> {
        SimulatedTask task = task(body.path("task").asText());
        callbacks
            .send(
                task,
                body.path("status").asText(task.status),
                body.has("body") ? body.get("body").asText() : null)
            .onComplete(sent -> done(request));
      }
      case "POST /finish" -> {
        simulator.move(
            task(body.path("task").asText()),
            body.path("status").asText("succeed"),
            body.path("message").asText(""));
        done(request);
      }
      case "GET /tasks" -> reply(request, 200, tell(task(request.getParam("id"))));
      case "POST /settings" -> {
        change(body);
        done(request);
      }
      case "POST /reset" -> {
        simulator.reset();
        done(request);
      }
      default -> reply(request, 404, Json.object().put("error", "no such order"));
    }
  }

  private SimulatedTask task(@Nullable String id) {
    SimulatedTask task = id == null ? null : book.find(id);
    if (task == null) {
      throw new IllegalArgumentException("no such task: " + id);
    }
    return task;
  }

  private static ObjectNode tell(SimulatedTask task) {
    ObjectNode told = Json.MAPPER.valueToTree(task.order);
    return told.put("status", task.status).put("updatedAt", task.updatedAt);
  }

  private void change(ObjectNode body) {
    SimulatorSettings settings = simulator.settings();
    if (body.has("slots")) {
      settings.slots(body.get("slots").asInt());
    }
    settings.renderTimes(
        millis(body, "submitted_millis", settings.submittedFor()),
        millis(body, "total_millis", settings.rendersFor()));
  }

  private static Duration millis(ObjectNode body, String field, Duration byDefault) {
    return Duration.ofMillis(body.path(field).asLong(byDefault.toMillis()));
  }

  private static void done(HttpServerRequest request) {
    reply(request, 200, Json.object().put("done", true));
  }

  private static void reply(HttpServerRequest request, int status, Object body) {
    new Reply(status, Json.write(body)).write(request);
  }
}
