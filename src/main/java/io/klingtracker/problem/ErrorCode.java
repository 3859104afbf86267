package io.klingtracker.problem;

import java.util.Locale;

/**
 * Everything that can be wrong, with the answer's HTTP status on the Kling-shaped front, Kling's
 * own code (kling error table: 1000–1004 credentials, 11xx account, 12xx request, 13xx policy and
 * limits, 5xxx server), and the HTTP status on the native API. The words are API (the last part of
 * a problem's {@code type}); they are never renamed.
 */
public enum ErrorCode {
  AUTHENTICATION_FAILED(401, 1000, 401),
  AUTHORIZATION_MISSING(401, 1001, 401),
  AUTHORIZATION_INVALID(401, 1002, 401),
  AUTHORIZATION_NOT_YET_VALID(401, 1003, 401),
  AUTHORIZATION_EXPIRED(401, 1004, 401),
  FORBIDDEN(403, 1103, 403),
  INVALID_REQUEST(400, 1201, 400),
  BODY_TOO_LARGE(413, 1201, 413),
  REQUEST_TIMEOUT(408, 1201, 408),
  UNSUPPORTED_MEDIA_TYPE(415, 1201, 415),
  TASK_NOT_FOUND(400, 1201, 404),
  NOT_FOUND(404, 1202, 404),
  METHOD_NOT_ALLOWED(404, 1202, 405),
  MODEL_UNKNOWN(404, 1203, 404),
  MODEL_DISCONTINUED(400, 1201, 400),
  IDEMPOTENCY_KEY_REUSED(422, 1201, 422),
  IDEMPOTENCY_KEY_RUNNING(409, 1201, 409),
  CONFLICT(409, 1201, 409),
  CURSOR_EXPIRED(410, 1201, 410),
  CONTENT_GONE(410, 1201, 410),
  RATE_LIMITED(429, 1302, 429),
  QUOTA_EXCEEDED(429, 1303, 429),
  UPSTREAM_FAILED(502, 5000, 502),
  UNAVAILABLE(503, 5001, 503),
  INTERNAL(500, 5000, 500);

  private final int klingHttpStatus;
  private final int klingCode;
  private final int httpStatus;

  ErrorCode(int klingHttpStatus, int klingCode, int httpStatus) {
    this.klingHttpStatus = klingHttpStatus;
    this.klingCode = klingCode;
    this.httpStatus = httpStatus;
  }

  /** HTTP status on {@code /kling/...}. */
  public int klingHttpStatus() {
    return klingHttpStatus;
  }

  /** Kling's {@code code} in the body on {@code /kling/...}. */
  public int klingCode() {
    return klingCode;
  }

  /** HTTP status on every other path. */
  public int httpStatus() {
    return httpStatus;
  }

  /** The word of the code, as in {@code task-not-found}. */
  public String wireName() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
