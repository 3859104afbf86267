package io.klingtracker.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import io.klingtracker.database.Availability;
import io.klingtracker.database.SqlStates;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.JsonFaults;
import io.vertx.core.VertxException;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.StreamResetException;
import jakarta.inject.Inject;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;
import org.jspecify.annotations.Nullable;

/**
 * Turns every failure into an answer: Kling's body on {@code /kling}, RFC 9457 elsewhere. Nothing
 * of a cause reaches the caller; what we did not foresee is logged once under the id that the
 * caller gets.
 */
public class ProblemMapper {

  private static final Logger LOG = Logger.getLogger(ProblemMapper.class);

  @Inject
  ProblemMapper() {}

  /** A refusal that was meant. */
  @ServerExceptionMapper
  public Response refused(ProblemException e, UriInfo uri) {
    LOG.debugf("%s: %s", e.code().wireName(), e.getMessage());
    return answer(ErrorBody.of(Front.of(uri.getPath()), e));
  }

  /**
   * A refusal of the REST layer: no such path, no such method, no such media type, a parameter of
   * the wrong type.
   */
  @ServerExceptionMapper
  public Response refused(WebApplicationException e, UriInfo uri) {
    int status = e.getResponse().getStatus();
    if (status == Response.Status.BAD_REQUEST.getStatusCode()
        && e.getCause() instanceof JsonProcessingException fault) {
      return refused(fault, uri);
    }
    if (status < Response.Status.BAD_REQUEST.getStatusCode()) {
      return e.getResponse();
    }
    // The REST layer asks the last of the classes that could have the path, and may say 404.
    Set<String> allowed =
        status == 404 || status == 405 ? AllowedMethods.insteadOfCurrent() : Set.of();
    if (!allowed.isEmpty()) {
      status = 405;
    }
    ErrorCode code =
        switch (status) {
          case 401 -> ErrorCode.AUTHORIZATION_INVALID;
          case 403 -> ErrorCode.FORBIDDEN;
          case 404 -> ErrorCode.NOT_FOUND;
          case 405 -> ErrorCode.METHOD_NOT_ALLOWED;
          case 406, 415 -> ErrorCode.UNSUPPORTED_MEDIA_TYPE;
          case 413 -> ErrorCode.BODY_TOO_LARGE;
          default -> status < 500 ? ErrorCode.INVALID_REQUEST : ErrorCode.INTERNAL;
        };
    String message =
        switch (code) {
          case NOT_FOUND -> "no resource at " + uri.getPath();
          case METHOD_NOT_ALLOWED -> "the method is not valid for " + uri.getPath();
          case UNSUPPORTED_MEDIA_TYPE -> "send and accept application/json";
          case BODY_TOO_LARGE -> "the body is too large";
          default -> "the request cannot be read; check its parameters";
        };
    Response answer = answer(code, message, null, uri, UUID.randomUUID());
    if (answer.getStatus() == ErrorCode.METHOD_NOT_ALLOWED.httpStatus()) {
      answer.getHeaders().putSingle("Allow", String.join(", ", allowed));
    }
    return answer;
  }

  /** A body that does not fit its record, as the REST layer hands it on. */
  @ServerExceptionMapper
  public Response refused(MismatchedInputException e, UriInfo uri) {
    return refused((JsonProcessingException) e, uri);
  }

  /** A body that is no JSON, or too deep. */
  @ServerExceptionMapper
  public Response refused(JsonProcessingException e, UriInfo uri) {
    return answer(ErrorCode.INVALID_REQUEST, JsonFaults.describe(e), null, uri, UUID.randomUUID());
  }

  /** Anything else. A database that is away is the caller's to retry; the rest is ours to mend. */
  @ServerExceptionMapper
  public Response failed(Throwable e, UriInfo uri) {
    UUID id = UUID.randomUUID();
    if (SqlStates.isDatabaseAway(e) || SqlStates.isRolledBack(e)) {
      LOG.warnf("request %s: the database is away: %s", id, rootMessage(e));
      ProblemException away = Availability.problem();
      return answer(away.code(), String.valueOf(away.getMessage()), away.retryAfter(), uri, id);
    }
    // After the database: its connections break too, and that is not the caller's doing.
    if (isGone(e)) {
      LOG.debugf("%s: its caller has gone: %s", uri.getPath(), rootMessage(e));
      return Response.status(ErrorCode.INVALID_REQUEST.httpStatus()).build();
    }
    if (SqlStates.isValueRefused(e)) {
      // The readers name the field; this is for the value that they let through.
      LOG.warnf("request %s: the database does not take a value: %s", id, rootMessage(e));
      return answer(
          ErrorCode.INVALID_REQUEST,
          "a value of the request has a form that this service does not take",
          null,
          uri,
          id);
    }
    LOG.errorf(e, "request %s failed", id);
    return answer(
        ErrorCode.INTERNAL, "internal error; the log has it under this request id", null, uri, id);
  }

  private static Response answer(
      ErrorCode code, String message, @Nullable Duration retryAfter, UriInfo uri, UUID id) {
    return answer(ErrorBody.of(Front.of(uri.getPath()), code, message, retryAfter, id));
  }

  private static Response answer(ErrorBody body) {
    Response.ResponseBuilder answer =
        Response.status(body.status()).type(body.type()).entity(body.text());
    body.headers().forEach(answer::header);
    return answer.build();
  }

  /** Whether the caller hung up: nobody's fault here, and nobody is left to answer. */
  static boolean isGone(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof HttpClosedException
          || cause instanceof StreamResetException
          || cause instanceof ClosedChannelException
          || cause instanceof IOException && isReset(cause)
          || cause instanceof VertxException
              && "Connection was closed".equals(cause.getMessage())) {
        return true;
      }
    }
    return false;
  }

  private static boolean isReset(Throwable failure) {
    String message = String.valueOf(failure.getMessage());
    return message.contains("Connection reset")
        || message.contains("Broken pipe")
        || message.equals("Failed to write");
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
