package io.klingtracker.callback;

import io.klingtracker.database.SqlStates;
import io.klingtracker.http.ErrorBody;
import io.klingtracker.http.Front;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.tracking.CallbackTarget;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The {@code callback_url} that Kling is given for each task. A route of its own below the REST
 * layer: the token is checked before a byte of the body is read, the body is bounded while it
 * arrives, and a sender who is slow holds no thread.
 */
@Singleton
class CallbackRoute {

  private static final Logger LOG = Logger.getLogger(CallbackRoute.class);
  private static final String OK = "{\"code\":0,\"message\":\"ok\"}";
  private static final Duration AWAY = Duration.ofSeconds(2);

  /** So much of a refused body is read and dropped, so that its sender gets to see the refusal. */
  private static final long DRAIN = 16L << 20;

  private final CallbackTarget target;
  private final Callbacks callbacks;
  private final CallbackConfig config;
  private final Vertx vertx;
  private final ExecutorService executor;

  @Inject
  CallbackRoute(
      CallbackTarget target,
      Callbacks callbacks,
      CallbackConfig config,
      Vertx vertx,
      ExecutorService executor) {
    this.target = target;
    this.callbacks = callbacks;
    this.config = config;
    this.vertx = vertx;
    this.executor = executor;
  }

  void register(@Observes Router router) {
    router.post("/callbacks/kling/:task/:token").handler(this::receive);
  }

  private void receive(RoutingContext context) {
    HttpServerRequest request = context.request();
    String taskId = String.valueOf(context.pathParam("task"));
    Arriving body = new Arriving(request);
    if (!target.isToken(taskId, String.valueOf(context.pathParam("token")))) {
      body.refuse(callbacks.forged("the token is not right for this task"));
      return;
    }
    if ("100-continue".equalsIgnoreCase(request.getHeader("Expect"))) {
      request.response().writeContinue();
    }
    body.read(bytes -> take(request, taskId, bytes));
  }

  private void take(HttpServerRequest request, String taskId, byte[] body) {
    CallbackHeaders headers = headers(request);
    try {
      executor.execute(() -> store(request.response(), taskId, headers, body));
    } catch (RejectedExecutionException e) {
      answer(request.response(), e);
    }
  }

  private void store(
      HttpServerResponse response, String taskId, CallbackHeaders headers, byte[] body) {
    try {
      callbacks
          .receive(taskId, headers, body)
          .whenComplete((done, failure) -> answer(response, failure));
    } catch (RuntimeException e) {
      answer(response, e);
    }
  }

  private static CallbackHeaders headers(HttpServerRequest request) {
    return new CallbackHeaders(
        request.getHeader("webhook-id"),
        request.getHeader("webhook-timestamp"),
        request.getHeader("webhook-signature"),
        request.getHeader("Content-Type"),
        request.getHeader("User-Agent"));
  }

  private static void answer(HttpServerResponse response, @Nullable Throwable failure) {
    if (failure == null) {
      // Whoever hung up meanwhile is not there to be answered.
      if (!response.ended() && !response.closed()) {
        response.putHeader("Content-Type", "application/json").end(OK);
      }
    } else {
      Throwable cause =
          failure instanceof CompletionException && failure.getCause() != null
              ? failure.getCause()
              : failure;
      refuse(response, cause instanceof ProblemException problem ? problem : foreseen(cause));
    }
  }

  private static ProblemException foreseen(Throwable failure) {
    if (SqlStates.isDatabaseAway(failure) || failure instanceof RejectedExecutionException) {
      return new ProblemException(
          ErrorCode.UNAVAILABLE, "the service cannot store anything right now; try again", AWAY);
    }
    LOG.errorf(failure, "a callback failed");
    return new ProblemException(ErrorCode.INTERNAL, "internal error; the log has it");
  }

  private static void refuse(HttpServerResponse response, ProblemException problem) {
    ErrorBody.of(Front.CALLBACK, problem).send(response);
  }

  /** What a callback's body is handed to. */
  private interface Whole {
    void take(byte[] body);
  }

  /** A body on its way in: bounded in size and in time. */
  private final class Arriving {
    private final HttpServerRequest request;
    private final Buffer body = Buffer.buffer();
    private final long timer;
    private boolean refused;
    private long seen;

    Arriving(HttpServerRequest request) {
      this.request = request;
      this.timer = vertx.setTimer(config.readTimeout().toMillis(), id -> tooSlow());
      request.exceptionHandler(gone -> vertx.cancelTimer(timer));
    }

    void read(Whole whole) {
      request.handler(this::part);
      request.endHandler(
          end -> {
            vertx.cancelTimer(timer);
            if (!refused) {
              whole.take(body.getBytes());
            }
          });
      if (announced() > config.maxBody()) {
        refuse(tooLarge());
      }
      request.resume();
    }

    /** Answers at once; the rest of the body is dropped as it arrives. */
    void refuse(ProblemException problem) {
      refused = true;
      CallbackRoute.refuse(request.response(), problem);
      request.handler(this::part);
      request.endHandler(end -> vertx.cancelTimer(timer));
      if (announced() > DRAIN) {
        hangUp();
      } else {
        request.resume();
      }
    }

    private void part(Buffer part) {
      seen += part.length();
      if (refused) {
        if (seen > DRAIN) {
          hangUp();
        }
      } else if (seen > config.maxBody()) {
        refuse(tooLarge());
      } else {
        body.appendBuffer(part);
      }
    }

    private void tooSlow() {
      if (!refused) {
        refused = true;
        CallbackRoute.refuse(
            request.response().putHeader("Connection", "close"),
            new ProblemException(
                ErrorCode.REQUEST_TIMEOUT,
                "the body did not arrive within " + config.readTimeout().toSeconds() + " s"));
      }
      hangUp();
    }

    private void hangUp() {
      vertx.cancelTimer(timer);
      // After the answer is out.
      vertx.setTimer(100, id -> request.connection().close());
    }

    private ProblemException tooLarge() {
      return new ProblemException(
          ErrorCode.BODY_TOO_LARGE, "a callback may have " + config.maxBody() + " bytes at most");
    }

    private long announced() {
      String length = request.getHeader("Content-Length");
      try {
        return length == null ? 0 : Long.parseLong(length);
      } catch (NumberFormatException e) {
        return Long.MAX_VALUE;
      }
    }
  }
}
