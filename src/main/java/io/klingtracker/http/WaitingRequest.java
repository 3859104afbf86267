package io.klingtracker.http;

/** The request under way, as far as it waits. */
public interface WaitingRequest {

  /**
   * Says that the request under way holds no thread from here on: it waits for a change, or
   * streams. Its place among those under way is another's, and its answer may take as long as it
   * likes; a bound of its own must hold for it.
   */
  void begin();
}
