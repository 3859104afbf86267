package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Kling's service as far as anyone has recorded it, on a port of this machine. One thread does all
 * the work; orders from tests come by these methods or, in the same words, by the control port.
 */
public final class KlingSimulator implements AutoCloseable {

  private static final int MAX_HELD = 10_000;
  private static final int MAX_BODY = 64 * 1024 * 1024;
  private static final long WAIT_SECONDS = 30;

  private final SimulatorSettings settings;
  private final int port;
  private final Vertx vertx;
  private final Ledger ledger = new Ledger();
  private final Faults faults;
  private final TaskBook book;
  private final Answers answers;
  private final CallbackSender callbacks;
  private final KlingRoutes routes;
  private final Media media;
  private final HttpServer control;
  private final List<Runnable> held = new ArrayList<>();
  private volatile boolean holding;
  private @Nullable HttpServer server;

  /** A simulator that does not listen yet. */
  public KlingSimulator(SimulatorSettings settings) {
    this.settings = settings;
    this.port = settings.port == 0 ? freePort() : settings.port;
    this.vertx =
        Vertx.vertx(
            new VertxOptions()
                .setEventLoopPoolSize(1)
                .setWorkerPoolSize(1)
                .setInternalBlockingPoolSize(1)
                .setFileSystemOptions(
                    new FileSystemOptions()
                        .setFileCachingEnabled(false)
                        .setClassPathResolvingEnabled(false)));
    String publicUrl = settings.publicUrl;
    this.faults = new Faults(settings.seed);
    this.book = new TaskBook(settings, ledger);
    this.answers =
        new Answers(settings, publicUrl == null ? "http://localhost:" + port : publicUrl);
    Snowflakes ids = new Snowflakes(settings.seed + 1);
    this.callbacks = new CallbackSender(vertx, settings, answers, faults, ledger, ids);
    this.routes = new KlingRoutes(settings, book, answers, faults, ledger, ids);
    this.media = new Media(settings.clock);
    this.control =
        vertx
            .createHttpServer()
            .requestHandler(new ControlRoutes(this, book, faults, ledger, callbacks)::handle);
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Listens on both ports and continues with the tasks of earlier runs. */
  public KlingSimulator start() {
    await(listen());
    await(control.listen(settings.controlPort, settings.host));
    vertx.runOnContext(go -> book.open().forEach(this::resume));
    return this;
  }

  private Future<?> listen() {
    HttpServer starting =
        vertx
            .createHttpServer(new HttpServerOptions().setCompressionSupported(false))
            .requestHandler(this::receive);
    server = starting;
    return starting.listen(port, settings.host);
  }

  private static <T> T await(Future<T> future) {
    try {
      return future.toCompletionStage().toCompletableFuture().get(WAIT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException | TimeoutException e) {
      Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
      throw new IllegalStateException("simulator: " + cause.getMessage(), cause);
    }
  }

  private void receive(HttpServerRequest request) {
    if (request.path().startsWith("/media/")) {
      media.serve(request);
      return;
    }
    String length = request.getHeader("Content-Length");
    if (length != null && length.length() > 8 || number(length) > MAX_BODY) {
      new Reply(413, Json.write(answers.refusal(1201, "Request body is too large"))).write(request);
      return;
    }
    request.body().onSuccess(bytes -> receive(request, bytes));
  }

  private static long number(@Nullable String digits) {
    return digits != null && digits.matches("\\d{1,9}") ? Long.parseLong(digits) : 0;
  }

  private void receive(HttpServerRequest request, Buffer bytes) {
    KlingRoutes.Call call = routes.sort(request, bytes);
    Fault fault = null;
    if (call.operation() != null) {
      ledger.request(call.operation());
      String credential = Credentials.kind(request.getHeader("Authorization"));
      fault = faults.strikeRequest(call.operation(), credential, call.id());
    }
    if (fault instanceof Fault.Refuse refuse) {
      refuse(request, refuse.status(), refuse.code(), refuse.message());
    } else if (fault instanceof Fault.Burst) {
      refuse(request, 429, 1303, "parallel task over resource pack limit");
    } else if (fault instanceof Fault.Revoked revoked) {
      boolean key = revoked.credential().equals("api-key");
      refuse(request, 401, key ? 1002 : 1000, key ? "api key not found" : "Authentication failed");
    } else if (fault instanceof Fault.Page page) {
      Reply.page(page.status(), "").write(request);
    } else if (fault instanceof Fault.Redirect redirect) {
      Reply.page(redirect.status(), redirect.location()).write(request);
    } else if (fault instanceof Fault.Answer answer) {
      new Reply(answer.status(), answer.body() == null ? "" : answer.body()).write(request);
    } else if (fault instanceof Fault.Reset) {
      Reply.reset(request);
    } else if (fault instanceof Fault.Outage outage) {
      Reply.reset(request);
      goAway(outage.millis());
    } else if (fault instanceof Fault.Delay delay) {
      vertx.setTimer(Math.max(1, delay.millis()), timer -> process(call, null));
    } else {
      process(call, fault);
    }
  }

  private void refuse(HttpServerRequest request, int status, int code, String message) {
    ledger.refused(code);
    new Reply(status, Json.write(answers.refusal(code, message))).write(request);
  }

  private void process(KlingRoutes.Call call, @Nullable Fault fault) {
    KlingRoutes.Result result =
        routes.answer(fault instanceof Fault.LeaveOut left ? call.without(left) : call);
    Runnable answer = () -> answer(call.request(), result.reply(), fault);
    SimulatedTask task = result.accepted();
    if (task == null) {
      answer.run();
    } else if (fault instanceof Fault.CallbackFirst first) {
      schedule(task);
      finishBefore(task, first.status()).onComplete(calledStatus -> answer.run());
    } else {
      if (holding && held.size() < MAX_HELD) {
        held.add(answer);
      } else {
        answer.run();
      }
      tell(task);
      schedule(task);
    }
  }

  private void answer(HttpServerRequest request, Reply reply, @Nullable Fault fault) {
    if (fault instanceof Fault.ThenReset) {
      Reply.reset(request);
    } else if (fault instanceof Fault.ThenAnswer other) {
      new Reply(other.status(), other.body() == null ? "" : other.body()).write(request);
    } else if (fault instanceof Fault.ThenDelay delay) {
      vertx.setTimer(Math.max(1, delay.millis()), timer -> reply.write(request));
    } else if (fault instanceof Fault.ThenPage page) {
      Reply.page(page.status(), "").write(request);
    } else {
      reply.mangled(fault).write(request);
    }
  }

  private Future<?> finishBefore(SimulatedTask task, String status) {
    return status.equals("submitted") ? tell(task) : move(task, status, "");
  }

  private void schedule(SimulatedTask task) {
    at(task.order.processingAt(), () -> move(task, "processing", ""));
    at(task.order.endsAt(), () -> move(task, task.order.outcome(), task.order.message()));
  }

  private void resume(SimulatedTask task) {
    if (!task.calledBack) {
      tell(task);
    }
    if (!task.isFinal()) {
      schedule(task);
    }
  }

  private void at(long when, Runnable action) {
    vertx.setTimer(Math.max(1, when - settings.clock.millis()), timer -> action.run());
  }

  /** Moves a task forward and calls back; the end of a task is never undone. */
  Future<?> move(SimulatedTask task, String status, String message) {
    if (status.equals("processing") && !task.status.equals("submitted")) {
      return Future.succeededFuture();
    }
    return book.move(task, status, message) ? tell(task) : Future.succeededFuture();
  }

  private Future<?> tell(SimulatedTask task) {
    String calledStatus = task.status;
    return callbacks
        .tell(task)
        .onSuccess(
            answered -> {
              if (calledStatus.equals(task.status)) {
                book.calledBack(task);
              }
            });
  }

  /**
   * Accepts one text2video of {@code kling-v3} for each id and ends it at once, calling nobody
   * back; for tests that need very many.
   */
  public void renderSilently(String account, Collection<String> externalIds) {
    Product product = Product.of(Product.TEXT2VIDEO).orElseThrow();
    for (String id : externalIds) {
      ObjectNode body =
          Json.object()
              .put("model_name", "kling-v3")
              .put("prompt", "A red kite over the sea")
              .put("external_task_id", id);
      CreateBody create = CreateBody.of(product, product.path(), body, settings);
      SimulatedTask task = book.create(account, product, create, null);
      book.move(task, task.order.outcome(), task.order.message());
    }
  }

  void goAway(long millis) {
    HttpServer closing = server;
    if (closing != null) {
      server = null;
      closing.close();
      vertx.setTimer(Math.max(1, millis), timer -> listen());
    }
  }

  /** Accepts creates from now on without answering them. */
  public void hold() {
    holding = true;
  }

  /** Answers every create that was held, and no longer holds. */
  public void release() {
    vertx.runOnContext(
        go -> {
          holding = false;
          List<Runnable> answering = List.copyOf(held);
          held.clear();
          answering.forEach(Runnable::run);
        });
  }

  int held() {
    return held.size();
  }

  boolean isHolding() {
    return holding;
  }

  /** Forgets tasks, faults, holds and the ledger. */
  public void reset() {
    release();
    faults.clear();
    book.clear();
    ledger.clear();
  }

  /** Puts a fault on order, after those that are. */
  public void fault(FaultRule rule) {
    faults.add(rule);
  }

  /** Takes all faults back; what has happened has happened. */
  public void mend() {
    faults.clear();
  }

  /** What was billed and done. */
  public Ledger ledger() {
    return ledger;
  }

  /**
   * Where a task is, in Kling's words.
   *
   * @param id Kling's, or the external id
   */
  public String status(String id) {
    SimulatedTask task = book.find(id);
    if (task == null) {
      throw new IllegalArgumentException("no such task: " + id);
    }
    return task.status;
  }

  SimulatorSettings settings() {
    return settings;
  }

  /** Kling's base URL. */
  public String url() {
    return "http://localhost:" + port;
  }

  /** Base URL of the control port. */
  public String controlUrl() {
    return "http://localhost:" + control.actualPort();
  }

  /** Stops listening and sending. */
  @Override
  public void close() {
    await(vertx.close());
    book.close();
  }
}
