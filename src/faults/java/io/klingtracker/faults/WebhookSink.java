package io.klingtracker.faults;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.standardwebhooks.Webhook;
import com.standardwebhooks.exceptions.WebhookVerificationException;
import io.klingtracker.local.FreePort;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A healthy receiver of webhooks, which checks every signature and keeps what came. */
final class WebhookSink implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * One delivery that arrived.
   *
   * @param signed whether its signature is right
   */
  record Delivery(String taskId, int sequence, String webhookId, String status, boolean signed) {}

  private final Vertx vertx;
  private final int port = FreePort.find();
  private final Webhook verifier;
  private final List<Delivery> deliveries = new ArrayList<>();

  WebhookSink(Vertx vertx, String secret) throws Exception {
    this.vertx = vertx;
    this.verifier = new Webhook(secret);
    vertx
        .createHttpServer()
        .requestHandler(this::receive)
        .listen(port, "127.0.0.1")
        .toCompletionStage()
        .toCompletableFuture()
        .get(30, TimeUnit.SECONDS);
  }

  String url() {
    return "http://127.0.0.1:" + port + "/hook";
  }

  Vertx vertx() {
    return vertx;
  }

  private void receive(HttpServerRequest request) {
    request
        .body()
        .onSuccess(
            body -> {
              note(request, body);
              request.response().end();
            });
  }

  private void note(HttpServerRequest request, Buffer body) {
    Map<String, List<String>> headers = new HashMap<>();
    request
        .headers()
        .forEach(
            header ->
                headers
                    .computeIfAbsent(
                        header.getKey().toLowerCase(Locale.ROOT), name -> new ArrayList<>())
                    .add(header.getValue()));
    boolean signed = true;
    try {
      verifier.verify(body.toString(), headers);
    } catch (WebhookVerificationException e) {
      signed = false;
    }
    try {
      JsonNode callback = JSON.readTree(body.getBytes());
      Delivery delivery =
          new Delivery(
              callback.path("task_id").asText(callback.path("id").asText()),
              Integer.parseInt(request.getHeader("tracker-sequence")),
              String.valueOf(request.getHeader("webhook-id")),
              callback.path("task_status").asText(callback.path("status").asText()),
              signed);
      synchronized (this) {
        deliveries.add(delivery);
      }
    } catch (java.io.IOException | NumberFormatException e) {
      synchronized (this) {
        deliveries.add(new Delivery("", 0, "", "unreadable: " + e.getMessage(), signed));
      }
    }
  }

  synchronized List<Delivery> deliveries() {
    return List.copyOf(deliveries);
  }

  synchronized void clear() {
    deliveries.clear();
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}
