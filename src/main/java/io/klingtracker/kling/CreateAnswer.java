package io.klingtracker.kling;

import io.klingtracker.text.ForeignText;

/**
 * What came of a create, judged by Kling's {@code code}, never by the HTTP status alone (429 has
 * permanent members). The question that matters is whether Kling may have accepted the task.
 */
public sealed interface CreateAnswer {

  /**
   * The answer as one to the create of this task: one that tells of another task tells nothing of
   * ours. An answer that names no {@code external_task_id} counts.
   *
   * @param sent the {@code external_task_id} that the create had
   */
  default CreateAnswer about(String sent) {
    String named = this instanceof Accepted accepted ? accepted.news().externalTaskId() : null;
    return named == null || named.equals(sent)
        ? this
        : new Unknown(
            "the answer names another external_task_id: " + ForeignText.clean(named, MAX_NAMED));
  }

  /** In bytes, of an id that is not ours. */
  int MAX_NAMED = 100;

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
