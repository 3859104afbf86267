package io.klingtracker.callback;

import io.klingtracker.http.Bodies;
import io.klingtracker.http.ErrorBody;
import io.klingtracker.http.Front;
import io.klingtracker.http.Refusals;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.SelfTests;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * The {@code callback_url} that Kling is given for each task. A route of its own below the REST
 * layer: the token is checked before a byte of the body is read, the body is bounded while it
 * arrives, and a sender who is slow holds no thread.
 */
@Singleton
class CallbackRoute {

  /** Largest callback, in bytes, also once it is unpacked. */
  static final int MAX_BODY = 1024 * 1024;

  private static final String OK = "{\"code\":0,\"message\":\"ok\"}";

  private final CallbackTarget target;
  private final CallbackIntake intake;
  private final SelfTestCallbacks tests;
  private final Bodies bodies;
  private final ExecutorService executor;

  @Inject
  CallbackRoute(
      CallbackTarget target,
      CallbackIntake intake,
      SelfTestCallbacks tests,
      Bodies bodies,
      ExecutorService executor) {
    this.target = target;
    this.intake = intake;
    this.tests = tests;
    this.bodies = bodies;
    this.executor = executor;
  }

  void register(@Observes Router router) {
    router.post("/callbacks/kling/:task/:token").handler(this::receive);
  }

  private void receive(RoutingContext call) {
    String taskId = String.valueOf(call.pathParam("task"));
    if (!target.isToken(taskId, String.valueOf(call.pathParam("token")))) {
      bodies.refuse(call, intake.forged("the token is not right for this task"), "token");
      return;
    }
    bodies.readCallback(call, MAX_BODY, body -> take(call.request(), taskId, body.getBytes()));
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
      Optional<String> tested = SelfTests.account(taskId);
      if (tested.isPresent()) {
        tests.receive(tested.get(), headers, body);
        answer(response, null);
        return;
      }
      intake
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
      ErrorBody.of(Front.CALLBACK, Refusals.foreseen(failure)).send(response);
    }
  }
}
