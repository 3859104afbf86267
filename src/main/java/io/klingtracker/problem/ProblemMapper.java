package io.klingtracker.problem;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import jakarta.inject.Inject;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.sql.SQLException;
import java.time.Duration;
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
  private static final Duration DATABASE_AWAY = Duration.ofSeconds(2);
  private static final String LOCK_NOT_AVAILABLE = "55P03";

  @Inject
  ProblemMapper() {}

  /** Kling's error body. */
  record KlingError(int code, String message, @JsonProperty("request_id") String requestId) {}

  /** An RFC 9457 body. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Problem(
      String type, String title, int status, String detail, String code, String instance) {}

  /** A refusal that was meant. */
  @ServerExceptionMapper
  public Response refused(ProblemException e, UriInfo uri) {
    LOG.debugf("%s: %s", e.code().word(), e.getMessage());
    return answer(e.code(), String.valueOf(e.getMessage()), e.retryAfter(), uri, UUID.randomUUID());
  }

  /**
   * A refusal of the REST layer: no such path, no such method, no such media type, a parameter of
   * the wrong type.
   */
  @ServerExceptionMapper
  public Response refused(WebApplicationException e, UriInfo uri) {
    int status = e.getResponse().getStatus();
    if (status < Response.Status.BAD_REQUEST.getStatusCode()) {
      return e.getResponse();
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
    return answer(code, message, null, uri, UUID.randomUUID());
  }

  /** Anything else. A database that is away is the caller's to retry; the rest is ours to mend. */
  @ServerExceptionMapper
  public Response failed(Throwable e, UriInfo uri) {
    UUID id = UUID.randomUUID();
    if (isDatabaseAway(e)) {
      LOG.warnf("request %s: the database is away: %s", id, rootMessage(e));
      return answer(
          ErrorCode.UNAVAILABLE,
          "the service cannot store anything right now; try again",
          DATABASE_AWAY,
          uri,
          id);
    }
    LOG.errorf(e, "request %s failed", id);
    return answer(
        ErrorCode.INTERNAL, "internal error; the log has it under this request id", null, uri, id);
  }

  private static Response answer(
      ErrorCode code, String message, @Nullable Duration retryAfter, UriInfo uri, UUID id) {
    boolean kling = uri.getPath().startsWith("/kling/") || uri.getPath().startsWith("/callbacks/");
    Response.ResponseBuilder answer =
        kling
            ? Response.status(code.klingHttpStatus())
                .type(MediaType.APPLICATION_JSON_TYPE)
                .entity(new KlingError(code.klingCode(), message, id.toString()))
            : Response.status(code.httpStatus())
                .type("application/problem+json")
                .entity(
                    new Problem(
                        "urn:kling-task-tracker:problem:" + code.word(),
                        code.word().replace('-', ' '),
                        code.httpStatus(),
                        message,
                        code.word(),
                        "urn:uuid:" + id));
    if (retryAfter != null) {
      answer.header("Retry-After", Math.max(1, retryAfter.toSeconds()));
    }
    return answer.build();
  }

  /**
   * SQLSTATE classes 08 (connection), 53 (resources), 57 (operator, shutdown), and time-outs of the
   * pool or a lock.
   */
  public static boolean isDatabaseAway(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql) {
        String state = sql.getSQLState();
        if (state == null
            || state.startsWith("08")
            || state.startsWith("53")
            || state.startsWith("57")
            || state.equals(LOCK_NOT_AVAILABLE)) {
          return true;
        }
      }
    }
    return false;
  }

  /** Whether somebody held a lock for too long, which may concern one row only. */
  public static boolean isLockTimeout(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql && LOCK_NOT_AVAILABLE.equals(sql.getSQLState())) {
        return true;
      }
    }
    return false;
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
