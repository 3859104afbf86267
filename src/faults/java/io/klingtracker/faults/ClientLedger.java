package io.klingtracker.faults;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the honest clients saw of their submissions. */
final class ClientLedger {

  /** What the last answer to a submission says. */
  enum Outcome {
    /** 2xx: it exists. */
    OK,
    /** Refused: it does not exist. */
    FAIL,
    /** No answer: nobody can tell. */
    UNKNOWN
  }

  /**
   * One submission, with all its retries.
   *
   * @param key its Idempotency-Key
   * @param taskId the id in the answer, where there was one
   */
  record Submission(String key, Outcome outcome, int status, @Nullable String taskId) {}

  private final List<Submission> submissions = new ArrayList<>();

  synchronized void add(Submission submission) {
    submissions.add(submission);
  }

  synchronized List<Submission> submissions() {
    return List.copyOf(submissions);
  }
}
