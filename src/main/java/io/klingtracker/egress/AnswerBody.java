package io.klingtracker.egress;

import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer, filled by an event loop and read by another thread. What has come and was
 * not read is bounded: the other side is held up until there is room.
 */
final class AnswerBody extends InputStream {

  /** Bytes not read at which no more are taken from the socket; what is on its way comes on top. */
  static final int FULL = 256 * 1024;

  private final HttpClientResponse response;
  private final Context context;
  private final long idleNanos;
  private final Runnable end;
  private final Deque<Buffer> waiting = new ArrayDeque<>();
  private int waitingBytes;
  private @Nullable Buffer current;
  private int position;
  private boolean paused;
  private boolean ended;
  private boolean closed;
  private @Nullable BrokenAnswerException broken;

  /**
   * A body.
   *
   * @param context where the answer is read
   * @param idle how long a read waits for the next bytes
   * @param end ends the exchange, whose rest nobody reads
   */
  AnswerBody(HttpClientResponse response, Context context, Duration idle, Runnable end) {
    this.response = response;
    this.context = context;
    this.idleNanos = idle.toNanos();
    this.end = end;
  }

  synchronized void take(Buffer chunk) {
    if (closed || chunk.length() == 0) {
      return;
    }
    waiting.add(chunk);
    waitingBytes += chunk.length();
    if (waitingBytes >= FULL && !paused) {
      paused = true;
      response.pause();
    }
    notifyAll();
  }

  synchronized void end() {
    ended = true;
    notifyAll();
  }

  /** The rest does not come; what has come is not worth reading. */
  void fail(Failure failure, String detail) {
    synchronized (this) {
      if (ended || closed || broken != null) {
        return;
      }
      broken = new BrokenAnswerException(failure, detail);
      notifyAll();
    }
    end.run();
  }

  /** How many bytes wait to be read. */
  synchronized int waitingBytes() {
    return waitingBytes;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public synchronized int read(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    Buffer chunk = current == null ? next() : current;
    if (chunk == null) {
      return -1;
    }
    int read = Math.min(length, chunk.length() - position);
    chunk.getBytes(position, position + read, bytes, offset);
    position += read;
    current = position == chunk.length() ? null : chunk;
    return read;
  }

  private @Nullable Buffer next() throws IOException {
    long until = System.nanoTime() + idleNanos;
    while (waiting.isEmpty() && !ended && broken == null && !closed) {
      long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        broken = new BrokenAnswerException(Failure.TIMEOUT, "nothing came for too long");
        end.run();
        break;
      }
      try {
        wait(left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted");
      }
    }
    if (closed) {
      throw new IOException("the body is closed");
    }
    if (broken != null) {
      throw broken;
    }
    Buffer chunk = waiting.poll();
    position = 0;
    if (chunk != null) {
      waitingBytes -= chunk.length();
      if (paused && waitingBytes < FULL / 2) {
        paused = false;
        context.runOnContext(now -> response.resume());
      }
    }
    return chunk;
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      waiting.clear();
      waitingBytes = 0;
      notifyAll();
      if (ended || broken != null) {
        // By now the connection may be another exchange's.
        return;
      }
    }
    // What nobody reads is not awaited, so that the connection is of no use any more.
    end.run();
  }
}
