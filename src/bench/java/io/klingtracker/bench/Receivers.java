package io.klingtracker.bench;

import io.klingtracker.local.FreePort;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A thousand receivers of webhooks, each on a loopback address of its own; the last is hostile. */
final class Receivers implements AutoCloseable {

  static final int COUNT = 1_000;

  private final Vertx vertx = Vertx.vertx();
  private final int port = FreePort.find();
  private final Map<String, Long> arrivals = new ConcurrentHashMap<>();

  Receivers() throws InterruptedException, ExecutionException, TimeoutException {
    List<Future<?>> listening = new ArrayList<>();
    for (int number = 0; number < COUNT; number++) {
      boolean hostile = number == COUNT - 1;
      listening.add(
          vertx
              .createHttpServer(new HttpServerOptions().setHost(address(number)).setPort(port))
              .requestHandler(hostile ? request -> {} : this::answer)
              .listen());
    }
    Future.all(listening).toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  private void answer(HttpServerRequest request) {
    arrivals.putIfAbsent(
        String.valueOf(request.getHeader("webhook-id")),
        ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()));
    request.endHandler(end -> request.response().end());
  }

  private static String address(int number) {
    return "127.0." + (1 + number / 250) + "." + (1 + number % 250);
  }

  /** SQL for a URL of the first so many receivers, by a number column. */
  String url(String number, int of) {
    return "'http://127.0.' || 1 + (%1$s %% %2$d) / 250 || '.' || 1 + (%1$s %% %2$d) %% 250 || ':%3$d/'"
        .formatted(number, of, port);
  }

  /** Microseconds since 1970 by webhook-id. */
  Map<String, Long> arrivals() {
    return arrivals;
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}
