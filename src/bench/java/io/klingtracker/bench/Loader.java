package io.klingtracker.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Sends ready-made HTTP requests over kept-alive connections on loopback, from one thread that
 * costs little: what is measured shares the cores with it.
 *
 * <p>Open: requests are due at a fixed rate whatever the answers do, and a latency counts from when
 * its request was due, so that a stall shows in every request that it held up. Closed: each
 * connection sends its next request when it has its answer, as pgbench's clients do; that finds the
 * capacity. Both end after a time, or when there are no more requests.
 */
final class Loader {

  private static final long GRACE_NANOS = Duration.ofSeconds(20).toNanos();
  private static final int BUFFER = 256 * 1024;

  /** How long an answer is: its head is not there yet, or it comes in chunks. */
  private static final int UNKNOWN = -1;

  private static final int CHUNKED = -2;
  private static final byte[] LAST_CHUNK = "\r\n0\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1);

  /** Where requests come from; null ends the load. */
  interface Requests {
    byte @Nullable [] next();

    /** What became of one, on the loader's thread: taken, or deferred and to be sent again. */
    default void answered(byte[] request, boolean taken) {}
  }

  private final int port;
  private final int connections;
  private final Requests requests;
  private final double rate;
  private final long duration;

  private final Histogram latency = Load.histogram();
  private final Deque<Connection> idle = new ArrayDeque<>();
  private final Deque<Due> waiting = new ArrayDeque<>();
  private long good;
  private long busy;
  private long bad;
  private int open;
  private long lastAnswer;
  private boolean exhausted;

  private record Due(byte[] request, long at) {}

  private Loader(int port, int connections, Requests requests, double rate, Duration duration) {
    this.port = port;
    this.connections = connections;
    this.requests = requests;
    this.rate = rate;
    this.duration = duration.toNanos();
  }

  /** As fast as so many connections go. */
  static Load closed(int port, int connections, Requests requests, Duration duration) {
    return new Loader(port, connections, requests, 0, duration).run();
  }

  /** At a rate a second. */
  static Load open(int port, int connections, Requests requests, double rate, Duration duration) {
    return new Loader(port, connections, requests, rate, duration).run();
  }

  /** The same request again and again. */
  static Requests always(byte[] request) {
    return () -> request;
  }

  private Load run() {
    try (Selector selector = Selector.open()) {
      List<Connection> all = new ArrayList<>();
      try {
        for (int i = 0; i < connections; i++) {
          all.add(new Connection(selector));
        }
        open = connections;
        idle.addAll(all);
        return run(selector);
      } finally {
        for (Connection connection : all) {
          connection.channel.close();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the load broke off: " + e.getMessage(), e);
    }
  }

  private Load run(Selector selector) throws IOException {
    long start = System.nanoTime();
    long end = start + duration;
    long due = 0;
    lastAnswer = start;
    while (true) {
      long now = System.nanoTime();
      boolean sending = now < end && !exhausted && open > 0;
      if (sending && rate > 0) {
        for (long at = at(start, due); at <= now && at < end && !exhausted; at = at(start, ++due)) {
          byte[] request = next();
          if (request != null) {
            waiting.add(new Due(request, at));
          }
        }
        flush();
      } else if (sending) {
        while (!idle.isEmpty() && !exhausted) {
          byte[] request = next();
          if (request != null) {
            send(idle.poll(), request, System.nanoTime());
          }
        }
      } else if (!sending && rate > 0) {
        flush();
      }
      boolean done = !sending && idle.size() >= open && (waiting.isEmpty() || open == 0);
      if (done || now > end + GRACE_NANOS) {
        bad += open - Math.min(open, idle.size()) + waiting.size();
        return new Load(good, busy, bad, (lastAnswer - start) / 1e9, latency);
      }
      await(selector, sending && rate > 0 ? at(start, due) - now : 1_000_000);
    }
  }

  private long at(long start, long number) {
    return start + (long) (number * 1e9 / rate);
  }

  private byte @Nullable [] next() {
    byte[] request = requests.next();
    exhausted |= request == null;
    return request;
  }

  private void flush() throws IOException {
    while (!waiting.isEmpty() && !idle.isEmpty()) {
      Due first = waiting.remove();
      send(idle.remove(), first.request(), first.at());
    }
  }

  private void await(Selector selector, long nanos) throws IOException {
    if (nanos >= 1_000_000) {
      selector.select(1);
    } else if (selector.selectNow() == 0) {
      LockSupport.parkNanos(Math.min(Math.max(nanos, 1), 50_000));
      selector.selectNow();
    }
    Iterator<SelectionKey> ready = selector.selectedKeys().iterator();
    while (ready.hasNext()) {
      SelectionKey key = ready.next();
      ready.remove();
      Connection connection = (Connection) key.attachment();
      try {
        connection.proceed(key);
      } catch (IOException e) {
        broken(connection, key);
      }
    }
  }

  private void send(Connection connection, byte[] request, long meant) throws IOException {
    try {
      connection.send(request, meant);
    } catch (IOException e) {
      broken(connection, connection.key);
    }
  }

  /** A server that hangs up loses us a connection; the load continues with the others. */
  private void broken(Connection connection, SelectionKey key) throws IOException {
    if (key.isValid()) {
      key.cancel();
      connection.channel.close();
      bad++;
      open--;
      idle.remove(connection);
    }
  }

  private void answered(Connection connection, int status, long meant) {
    long now = System.nanoTime();
    lastAnswer = now;
    if (status >= 200 && status < 400) {
      good++;
      requests.answered(connection.request, true);
      latency.recordValue(Math.min((now - meant) / 1000, latency.getHighestTrackableValue()));
    } else if (status == 429 || status == 503) {
      busy++;
      requests.answered(connection.request, false);
    } else {
      bad++;
    }
    connection.in.clear();
    idle.add(connection);
  }

  private final class Connection {
    private final SocketChannel channel;
    private final SelectionKey key;
    private final ByteBuffer in = ByteBuffer.allocate(BUFFER);
    private @Nullable ByteBuffer out;
    private byte[] request = {};
    private long meant;
    private int expected;

    Connection(Selector selector) throws IOException {
      channel = SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      channel.configureBlocking(false);
      channel.setOption(java.net.StandardSocketOptions.TCP_NODELAY, true);
      key = channel.register(selector, SelectionKey.OP_READ, this);
    }

    void send(byte[] request, long at) throws IOException {
      this.request = request;
      meant = at;
      expected = UNKNOWN;
      ByteBuffer sending = ByteBuffer.wrap(request);
      channel.write(sending);
      out = sending.hasRemaining() ? sending : null;
      key.interestOps(out == null ? SelectionKey.OP_READ : SelectionKey.OP_WRITE);
    }

    void proceed(SelectionKey ready) throws IOException {
      ByteBuffer sending = out;
      if (ready.isWritable() && sending != null) {
        channel.write(sending);
        if (!sending.hasRemaining()) {
          out = null;
          key.interestOps(SelectionKey.OP_READ);
        }
      } else if (ready.isReadable()) {
        if (channel.read(in) < 0) {
          throw new IOException("the server hung up");
        }
        if (expected == UNKNOWN) {
          expected = expected();
        }
        if (expected == CHUNKED ? endsChunked() : expected >= 0 && in.position() >= expected) {
          answered(this, status(), meant);
        } else if (!in.hasRemaining()) {
          throw new IOException("the answer is larger than " + BUFFER + " bytes");
        }
      }
    }

    private int status() {
      byte[] text = in.array();
      return (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
    }

    /** Bytes of the whole answer, if what is there says so. */
    private int expected() throws IOException {
      byte[] text = in.array();
      for (int i = 3; i < in.position(); i++) {
        if (text[i] == '\n' && text[i - 1] == '\r' && text[i - 2] == '\n') {
          int length = length(new String(text, 0, i, StandardCharsets.ISO_8859_1));
          return length == CHUNKED ? CHUNKED : i + 1 + length;
        }
      }
      return UNKNOWN;
    }

    private boolean endsChunked() {
      int from = in.position() - LAST_CHUNK.length;
      return from >= 0
          && Arrays.equals(in.array(), from, in.position(), LAST_CHUNK, 0, LAST_CHUNK.length);
    }

    private int length(String head) throws IOException {
      String lower = head.toLowerCase(Locale.ROOT);
      int at = lower.indexOf("\r\ncontent-length:");
      if (at < 0) {
        int status = status();
        if (status == 204 || status == 304) {
          return 0;
        }
        if (lower.contains("\r\ntransfer-encoding: chunked")) {
          return CHUNKED;
        }
        throw new IOException("an answer without a length");
      }
      int from = at + "\r\ncontent-length:".length();
      return Integer.parseInt(lower.substring(from, lower.indexOf('\r', from)).strip());
    }
  }
}
