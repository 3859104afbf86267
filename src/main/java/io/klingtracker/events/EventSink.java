package io.klingtracker.events;

import java.util.concurrent.CompletionStage;

/** Where events go. */
interface EventSink {

  /**
   * Ends when the message, and the state it carries, have been acknowledged, or exceptionally when
   * not.
   */
  CompletionStage<Void> send(OutboxMessage message);
}
