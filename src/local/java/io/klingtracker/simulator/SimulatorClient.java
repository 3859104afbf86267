package io.klingtracker.simulator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A running simulator, driven through its control port: from any process or class loader. */
public final class SimulatorClient {

  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  private final String controlUrl;
  private final HttpClient http = HttpClient.newHttpClient();

  /** Drives the simulator whose control port is here. */
  public SimulatorClient(String controlUrl) {
    this.controlUrl = controlUrl;
  }

  /** Sums since the start or the last reset. */
  public Ledger.Totals totals() {
    return read(get("/ledger"), new TypeReference<>() {});
  }

  /** Accepted creates with this external id: more than one is more than one bill. */
  public List<Ledger.Create> creates(String externalId) {
    return read(get("/ledger/creates?external_id=" + encode(externalId)), new TypeReference<>() {});
  }

  /** All accepted creates, oldest first. */
  public List<Ledger.Create> creates() {
    return read(get("/ledger/creates"), new TypeReference<>() {});
  }

  /** Tries of callbacks of one task, by Kling's id or the external id. */
  public List<Ledger.Callback> callbacks(String task) {
    return read(get("/ledger/callbacks?task=" + encode(task)), new TypeReference<>() {});
  }

  /** Puts a fault on order, after those that are. */
  public void fault(FaultRule rule) {
    post("/faults", Json.write(rule));
  }

  /** Takes all faults back. */
  public void clearFaults() {
    send(request("/faults").DELETE());
  }

  /** Accepts creates from now on without answering them. */
  public void hold() {
    post("/hold", "{}");
  }

  /** Answers every create that was held, and no longer holds. */
  public void release() {
    post("/release", "{}");
  }

  /** Nobody listens on Kling's port for so long. */
  public void outage(Duration duration) {
    post("/outage", Json.write(Json.object().put("millis", duration.toMillis())));
  }

  /** Sends one callback now, and waits until it was answered or given up. */
  public void callback(String task, String status, @Nullable String rawBody) {
    ObjectNode order = Json.object().put("task", task).put("status", status);
    if (rawBody != null) {
      order.put("body", rawBody);
    }
    post("/callbacks", Json.write(order));
  }

  /** Ends a task now. */
  public void finish(String task, String status, String message) {
    post(
        "/finish",
        Json.write(Json.object().put("task", task).put("status", status).put("message", message)));
  }

  /** Changes how long tasks made from now on take. */
  public void renderTimes(Duration submitted, Duration total) {
    post(
        "/settings",
        Json.write(
            Json.object()
                .put("submitted_millis", submitted.toMillis())
                .put("total_millis", total.toMillis())));
  }

  /** Changes the slots per model version. */
  public void slots(int slots) {
    post("/settings", Json.write(Json.object().put("slots", slots)));
  }

  /**
   * Has tasks that end from now on paid in money, or in units again.
   *
   * @param currency such as {@code CNY}; empty for units
   * @param unit the price of a unit
   */
  public void cash(String currency, BigDecimal unit) {
    post("/settings", Json.write(Json.object().put("cash", currency).put("cash_unit", unit)));
  }

  /** Forgets tasks, faults, holds and the ledger; settings stay. */
  public void reset() {
    post("/reset", "{}");
  }

  private String get(String path) {
    return send(request(path).GET());
  }

  private void post(String path, String body) {
    send(request(path).POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(controlUrl + path)).timeout(TIMEOUT);
  }

  private String send(HttpRequest.Builder request) {
    try {
      HttpResponse<String> answer =
          http.send(request.build(), HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IllegalStateException("simulator: " + answer.body());
      }
      return answer.body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static <T> T read(String body, TypeReference<T> type) {
    try {
      return Json.MAPPER.readValue(body, type);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String encode(String value) {
    return URLEncoder.encode(value, StandardCharsets.UTF_8);
  }
}
