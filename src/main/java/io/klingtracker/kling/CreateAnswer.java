package io.klingtracker.kling;

/**
 * What came of a create, judged by Kling's {@code code}, never by the HTTP status alone (429 has
 * permanent members). The question that matters is whether Kling may have accepted the task.
 */
public sealed interface CreateAnswer {

  /** Accepted: Kling has the task. */
  record Accepted(KlingNews news) implements CreateAnswer {}

  /**
   * Refused because our {@code external_task_id} is already known there: an earlier create got
   * through.
   */
  record Exists(String message) implements CreateAnswer {}

  /** Refused for what the request says; sending it again would change nothing. */
  record Refused(int code, String message) implements CreateAnswer {}

  /** Not accepted for now (1302, 1303, 5001): proved, try later. */
  record Throttled(int code, String message) implements CreateAnswer {}

  /**
   * Not accepted because of the account (credentials, balance, rights, white list): proved; an
   * operator's matter.
   */
  record AccountRefused(int code, String message) implements CreateAnswer {}

  /** Never left: no connection, no name, no TLS. */
  record NotSent(String reason) implements CreateAnswer {}

  /** It left and no readable answer came back: Kling may have accepted it. */
  record Unknown(String reason) implements CreateAnswer {}
}
