package io.klingtracker.kling;

import io.klingtracker.catalog.AnswerTable;
import io.klingtracker.text.ForeignText;
import org.jspecify.annotations.Nullable;

/**
 * What came of a create, as {@link AnswerTable} has it. The question that matters is whether Kling
 * may have accepted the task.
 */
public sealed interface CreateAnswer {

  /**
   * The answer as one to the create of this task: one about another task says nothing of ours, and
   * an id that exists is ours only to the letter. An answer that names no {@code external_task_id}
   * counts.
   *
   * @param sent the {@code external_task_id} that the create had
   */
  default CreateAnswer about(String sent) {
    if (this instanceof Exists exists && !exists.externalTaskId().equals(sent)) {
      return new Refused(exists.code(), exists.message());
    }
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
   * Refused because this {@code external_task_id} is already known there: where it is ours, an
   * earlier create got through.
   */
  record Exists(int code, String externalTaskId, String message) implements CreateAnswer {}

  /**
   * Refused for what the request says; sending it again would change nothing.
   *
   * @param code Kling's; null when it was not Kling who refused it
   */
  record Refused(@Nullable Integer code, String message) implements CreateAnswer {}

  /**
   * Not accepted for now, because of slots or rates: proved, try later.
   *
   * @param code Kling's; null when it was not Kling who put it off
   */
  record Throttled(@Nullable Integer code, String message) implements CreateAnswer {

    /** Whether it is slots that are lacking. */
    public boolean isFull() {
      return code != null && AnswerTable.builtIn().about(code) == AnswerTable.About.SLOTS;
    }
  }

  /**
   * Not accepted because of the account (credentials, balance, rights, white list): proved; an
   * operator's matter.
   *
   * @param credential the one that was sent, where the answer is about it; whatever credential the
   *     words name, this is the one that failed
   */
  record AccountRefused(int code, String message, @Nullable Credential credential)
      implements CreateAnswer {

    /** One that is not about a credential. */
    public AccountRefused(int code, String message) {
      this(code, message, null);
    }
  }

  /** Never left: no connection, no name, no TLS. */
  record NotSent(String reason) implements CreateAnswer {}

  /** Turned away by something in front of Kling: proved, may be tried a few times more. */
  record TurnedAway(String reason) implements CreateAnswer {}

  /** It left and no readable answer came back: Kling may have accepted it. */
  record Unknown(String reason) implements CreateAnswer {}
}
