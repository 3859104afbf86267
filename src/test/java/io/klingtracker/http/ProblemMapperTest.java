package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.VertxException;
import io.vertx.core.http.HttpClosedException;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What of a failed answer is the doing of a caller who has left. */
class ProblemMapperTest {

  static Stream<Throwable> failures_of_those_who_left() {
    return Stream.of(
        new IOException("Failed to write"),
        new ClosedChannelException(),
        new VertxException("Connection was closed", true),
        new HttpClosedException("Connection was closed"),
        new RuntimeException(new IOException("Broken pipe")));
  }

  @ParameterizedTest
  @MethodSource("failures_of_those_who_left")
  void who_left_is_no_failure_of_ours(Throwable failure) {
    assertTrue(ProblemMapper.isGone(failure));
  }

  @Test
  void other_failures_are() {
    assertFalse(ProblemMapper.isGone(new IOException("disk full")));
    assertFalse(ProblemMapper.isGone(new VertxException("Timeout", true)));
  }
}
