package io.klingtracker.callback;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.secret.Hashes;
import java.time.Instant;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * An authentic callback, as it is stored.
 *
 * @param hash SHA-256 of the body, hexadecimal
 * @param headers JSON of the headers of interest
 * @param news the news in it; null when there is none to be read, which is kept for people
 * @param repeats how often the same body came again, in the same moment
 */
@SuppressWarnings("ArrayRecordComponent") // distinguished by task and hash, never as a record
record Receipt(
    String taskId,
    String hash,
    byte[] body,
    String headers,
    boolean signed,
    @Nullable KlingNews news,
    Instant receivedAt,
    int repeats) {

  static Receipt of(
      String taskId,
      byte[] body,
      String headers,
      boolean signed,
      @Nullable KlingNews news,
      Instant receivedAt) {
    return new Receipt(
        taskId,
        HexFormat.of().formatHex(Hashes.sha256(body)),
        body,
        headers,
        signed,
        news,
        receivedAt,
        0);
  }

  /** What is stored once. */
  String key() {
    return taskId + hash;
  }

  Receipt and(Receipt other) {
    return new Receipt(
        taskId,
        hash,
        body,
        headers,
        signed || other.signed,
        news,
        receivedAt,
        repeats + 1 + other.repeats);
  }
}
