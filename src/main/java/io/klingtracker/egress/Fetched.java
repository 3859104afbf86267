package io.klingtracker.egress;

import java.io.InputStream;

/** What became of a request for what is behind a URL. */
public sealed interface Fetched {

  /**
   * An answer has begun.
   *
   * @param length of the body as the server has it, in bytes; -1 where it does not say
   * @param body to be read by a thread that may wait, and closed; reading fails with a {@link
   *     BrokenAnswerException} when the rest does not come
   */
  record Begun(int status, long length, InputStream body) implements Fetched {}

  /**
   * There was no answer.
   *
   * @param detail for people; names no class and no secret
   */
  record Failed(Failure failure, String detail) implements Fetched {}
}
