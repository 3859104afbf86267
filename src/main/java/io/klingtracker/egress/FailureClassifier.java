package io.klingtracker.egress;

import io.netty.channel.ConnectTimeoutException;
import io.netty.handler.codec.DecoderException;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.StreamResetException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** Reads the network's exceptions: what kind of failure, and what to show people. */
final class FailureClassifier {

  private static final int MAX_DEPTH = 8;

  private FailureClassifier() {}

  /** The kind of failure behind an exception. */
  static Failure of(@Nullable Throwable thrown) {
    Throwable cause = thrown;
    for (int depth = 0; cause != null && depth < MAX_DEPTH; depth++, cause = cause.getCause()) {
      Failure failure = exactly(cause);
      if (failure != null) {
        return failure;
      }
    }
    return Failure.INTERNAL;
  }

  private static @Nullable Failure exactly(Throwable cause) {
    if (cause instanceof SSLException) {
      return Failure.TLS;
    }
    if (cause instanceof ConnectTimeoutException
        || cause instanceof ConnectException
        || cause instanceof NoRouteToHostException) {
      return Failure.CONNECT;
    }
    if (cause instanceof UnknownHostException) {
      return Failure.DNS;
    }
    if (cause instanceof TimeoutException) {
      return Failure.TIMEOUT;
    }
    if (cause instanceof HttpClosedException
        || cause instanceof StreamResetException
        || cause instanceof ClosedChannelException
        || cause instanceof SocketException
        || isReset(cause)) {
      return Failure.RESET;
    }
    if (cause instanceof DecoderException || cause instanceof IllegalArgumentException) {
      return cause.getCause() instanceof SSLException ? Failure.TLS : Failure.PROTOCOL;
    }
    return null;
  }

  /** Netty's native transports report a reset as a plain I/O error. */
  private static boolean isReset(Throwable cause) {
    String message = cause.getMessage();
    return cause instanceof java.io.IOException
        && message != null
        && (message.contains("reset by peer") || message.contains("Broken pipe"));
  }

  /** What to show people; the network's own words name addresses and classes, so these do not. */
  static String words(@Nullable Throwable cause) {
    return switch (of(cause)) {
      case CONNECT -> "nobody took the connection";
      case TLS -> "no trusted TLS connection with the named host";
      case DNS -> "no address found for the host";
      case TIMEOUT -> "no connection in time";
      case RESET -> "the connection broke before the answer was complete";
      case PROTOCOL -> "the answer is not HTTP";
      case STATUS, URL_REFUSED, ADDRESS_REFUSED, INTERNAL -> "the request could not be made";
    };
  }
}
