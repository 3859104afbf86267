package io.klingtracker.events;

import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.RecordBatchTooLargeException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.SerializationException;

/** Distinguishes records that Kafka will never take from those that it does not take now. */
final class SendFailures {

  private SendFailures() {}

  static boolean isPermanent(Throwable failure) {
    Throwable cause = cause(failure);
    return cause instanceof RecordTooLargeException
        || cause instanceof RecordBatchTooLargeException
        || cause instanceof InvalidRecordException
        || cause instanceof InvalidTimestampException
        || cause instanceof PolicyViolationException
        || cause instanceof SerializationException;
  }

  /** What futures wrap. */
  static Throwable cause(Throwable failure) {
    Throwable cause = failure.getCause();
    return (failure instanceof CompletionException || failure instanceof ExecutionException)
            && cause != null
        ? cause
        : failure;
  }
}
