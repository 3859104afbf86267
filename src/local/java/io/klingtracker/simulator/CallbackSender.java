package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Sends callbacks, with the faults on order, and writes down what came of them. */
final class CallbackSender implements AutoCloseable {

  private static final int MAX_CONNECTIONS = 64;
  private static final List<String> UNKNOWN_SECRET =
      List.of("whsec_bm9ib2R5LWtub3dzLXRoaXMtc2VjcmV0LTAwMDAwMDA=");

  private enum Signing {
    AS_SET,
    WRONG,
    NONE
  }

  /** One callback, ready to be sent. */
  private record Call(SimulatedTask task, String url, String status, String body, Signing signing) {

    Call with(String otherStatus, String otherBody) {
      return new Call(task, url, otherStatus, otherBody, signing);
    }

    Call signed(Signing other) {
      return new Call(task, url, status, body, other);
    }
  }

  private final Vertx vertx;
  private final SimulatorSettings settings;
  private final Answers answers;
  private final Faults faults;
  private final Ledger ledger;
  private final Snowflakes ids;
  private final HttpClient client;

  CallbackSender(
      Vertx vertx,
      SimulatorSettings settings,
      Answers answers,
      Faults faults,
      Ledger ledger,
      Snowflakes ids) {
    this.vertx = vertx;
    this.settings = settings;
    this.answers = answers;
    this.faults = faults;
    this.ledger = ledger;
    this.ids = ids;
    this.client =
        vertx.createHttpClient(
            new HttpClientOptions()
                .setMaxPoolSize(MAX_CONNECTIONS)
                .setConnectTimeout((int) settings.callbackTimeout.toMillis()));
  }

  /**
   * Tells of a task's present status.
   *
   * @return done when the callback was answered or given up
   */
  Future<?> tell(SimulatedTask task) {
    String url = task.order.callbackUrl();
    if (url == null || !settings.callbackStatuses.contains(task.status)) {
      return Future.succeededFuture();
    }
    Call call = new Call(task, url, task.status, body(task, task.status, false), Signing.AS_SET);
    Fault fault =
        faults.strike(Operation.CALLBACK, task.status, task.order.id(), task.order.externalId());
    return fault == null ? enqueue(call) : struck(call, fault);
  }

  /** Sends one callback out of order: any status, or any body. */
  Future<?> send(SimulatedTask task, String status, @Nullable String rawBody) {
    String url = task.order.callbackUrl();
    if (url == null) {
      return Future.failedFuture("the task has no callback_url");
    }
    String body = rawBody == null ? body(task, status, false) : rawBody;
    return deliver(new Call(task, url, status, body, Signing.AS_SET));
  }

  private String body(SimulatedTask task, String status, boolean otherDialect) {
    String message = status.equals("failed") && task.message.isEmpty() ? "forged" : task.message;
    boolean asNew = task.order.product().isNewGeneration() != otherDialect;
    return Json.write(
        asNew
            ? answers.newCallback(task, status, message)
            : answers.callback(task, status, message));
  }

  private Future<?> struck(Call call, Fault fault) {
    SimulatedTask task = call.task();
    if (fault instanceof Fault.Drop) {
      return Future.succeededFuture();
    } else if (fault instanceof Fault.Repeat repeat) {
      List<Future<?>> sent = new ArrayList<>();
      for (int i = 0; i < repeat.times(); i++) {
        sent.add(enqueue(call));
      }
      return Future.join(sent);
    } else if (fault instanceof Fault.Delay delay) {
      return after(delay.millis(), () -> enqueue(call));
    } else if (fault instanceof Fault.Swap) {
      task.heldBack.add(() -> enqueue(call));
      return Future.succeededFuture();
    } else if (fault instanceof Fault.Forge forge) {
      return enqueue(call.with(forge.status(), body(task, forge.status(), false)));
    } else if (fault instanceof Fault.Contradict contradict) {
      Future<?> truth = enqueue(call);
      return Future.join(
          truth, enqueue(call.with(contradict.status(), body(task, contradict.status(), false))));
    } else if (fault instanceof Fault.OtherDialect) {
      return enqueue(call.with(call.status(), body(task, call.status(), true)));
    } else if (fault instanceof Fault.Envelope) {
      ObjectNode data = Json.readObject(call.body()).orElseThrow();
      return enqueue(call.with(call.status(), Json.write(answers.success(data))));
    } else if (fault instanceof Fault.RawBody raw) {
      return enqueue(call.with(call.status(), raw.body()));
    } else if (fault instanceof Fault.WrongSignature) {
      return enqueue(call.signed(Signing.WRONG));
    } else if (fault instanceof Fault.Unsigned) {
      return enqueue(call.signed(Signing.NONE));
    }
    return enqueue(call.with(call.status(), Mangled.by(fault, call.body())));
  }

  private Future<?> enqueue(Call call) {
    SimulatedTask task = call.task();
    List<Runnable> overtaken = List.copyOf(task.heldBack);
    task.heldBack.clear();
    Future<?> sent =
        settings.callbacksInOrder
            ? task.lastCallback.transform(before -> deliver(call))
            : deliver(call);
    task.lastCallback = sent;
    overtaken.forEach(Runnable::run);
    return sent;
  }

  private Future<Void> deliver(Call call) {
    return attempt(call, 1, ids.next(settings.clock.millis()));
  }

  private Future<Void> attempt(Call call, int attempt, String webhookId) {
    return post(call, webhookId)
        .otherwise(0)
        .compose(
            answer -> {
              ledger.callback(
                  new Ledger.Callback(
                      call.task().order.id(),
                      call.task().order.externalId(),
                      call.status(),
                      attempt,
                      answer,
                      settings.clock.millis()));
              if (answer >= 200 && answer < 300) {
                return Future.succeededFuture();
              }
              if (attempt >= settings.callbackAttempts) {
                return Future.failedFuture("callback not taken, last answer " + answer);
              }
              String nextId =
                  settings.retriesKeepWebhookId ? webhookId : ids.next(settings.clock.millis());
              return after(
                  settings.callbackBackoff.toMillis() << (attempt - 1),
                  () -> attempt(call, attempt + 1, nextId));
            });
  }

  private Future<Integer> post(Call call, String webhookId) {
    try {
      RequestOptions options =
          new RequestOptions()
              .setMethod(HttpMethod.POST)
              .setAbsoluteURI(call.url())
              .setTimeout(settings.callbackTimeout.toMillis())
              .setHeaders(headers(call, webhookId));
      return client
          .request(options)
          .compose(request -> request.send(Buffer.buffer(call.body())))
          .compose(answer -> answer.body().map(answer.statusCode()));
    } catch (IllegalArgumentException | java.util.concurrent.RejectedExecutionException e) {
      return Future.failedFuture(e);
    } catch (io.vertx.core.VertxException e) {
      return Future.failedFuture(e);
    }
  }

  private MultiMap headers(Call call, String webhookId) {
    MultiMap headers =
        MultiMap.caseInsensitiveMultiMap()
            .add("Content-Type", "application/json; charset=utf-8")
            .add("User-Agent", "Apache-HttpClient/4.5.13 (Java/11.0.14-internal)")
            .add("Accept-Encoding", "gzip,deflate");
    boolean legacy = !call.task().order.product().isNewGeneration();
    boolean signs =
        !settings.webhookSecrets.isEmpty()
            && call.signing() != Signing.NONE
            && (!legacy || settings.signsLegacyCallbacks);
    if (signs) {
      List<String> secrets =
          call.signing() == Signing.WRONG ? UNKNOWN_SECRET : settings.webhookSecrets;
      long timestamp = settings.clock.millis() / 1000;
      headers
          .add("webhook-id", webhookId)
          .add("webhook-timestamp", Long.toString(timestamp))
          .add("webhook-signature", Signature.of(secrets, webhookId, timestamp, call.body()));
    }
    return headers;
  }

  private <T> Future<T> after(long millis, Supplier<Future<T>> action) {
    Promise<T> promise = Promise.promise();
    vertx.setTimer(Math.max(1, millis), timer -> action.get().onComplete(promise));
    return promise.future();
  }

  @Override
  public void close() {
    client.close();
  }
}
