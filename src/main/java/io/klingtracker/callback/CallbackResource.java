package io.klingtracker.callback;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** The {@code callback_url} that Kling is given for each task. */
@Path("/callbacks/kling")
public class CallbackResource {

  private static final Answer OK = new Answer(0, "ok");

  private final Callbacks callbacks;
  private final CallbackConfig config;

  @Inject
  CallbackResource(Callbacks callbacks, CallbackConfig config) {
    this.callbacks = callbacks;
    this.config = config;
  }

  /** What Kling gets when its callback is safe with us. */
  public record Answer(int code, String message) {}

  /** Takes a callback in either of Kling's shapes; answers after its receipt is durable. */
  @POST
  @Path("/{task_id}/{token}")
  @Consumes(MediaType.WILDCARD)
  @Produces(MediaType.APPLICATION_JSON)
  @Operation(summary = "Take a callback from Kling")
  public Answer receive(
      @PathParam("task_id") String taskId,
      @PathParam("token") String token,
      @HeaderParam("webhook-id") @Nullable String id,
      @HeaderParam("webhook-timestamp") @Nullable String timestamp,
      @HeaderParam("webhook-signature") @Nullable String signature,
      @HeaderParam("Content-Type") @Nullable String contentType,
      @HeaderParam("User-Agent") @Nullable String userAgent,
      byte[] body) {
    if (body.length > config.maxBody()) {
      throw new ProblemException(
          ErrorCode.BODY_TOO_LARGE, "a callback may have " + config.maxBody() + " bytes at most");
    }
    CallbackHeaders headers = new CallbackHeaders(id, timestamp, signature, contentType, userAgent);
    return switch (callbacks.receive(taskId, token, headers, body)) {
      case ACCEPTED -> OK;
      case FORGED ->
          throw new ProblemException(
              ErrorCode.AUTHORIZATION_INVALID, "the token or signature is not right for this task");
      case UNREADABLE ->
          throw new ProblemException(ErrorCode.INVALID_REQUEST, "not JSON, or no task in it");
    };
  }
}
