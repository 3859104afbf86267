package io.klingtracker.faults;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Raw bytes over a connection of one's own, from an address of loopback that honest clients do not
 * use: what is bounded by address shall not hit them.
 */
final class Attacker implements AutoCloseable {

  /** Where attacks come from; Linux answers for all of 127/8. */
  private static final String ADDRESS = "127.0.0.66";

  private static final int MAX_ANSWER = 8 << 20;

  /** No answer within the limit. */
  static final int SILENT = -1;

  /** The connection was closed without an answer. */
  static final int CLOSED = 0;

  /** An answer, or what came instead of one. */
  record Answer(int status, String head, String body) {}

  /** Writes a request; may take as long as it likes. */
  interface Writer {
    void write(OutputStream out) throws IOException;
  }

  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "attacker");
            thread.setDaemon(true);
            return thread;
          });

  /** A connection from the attacker's address, where the system has it. */
  static Socket connect(int port) throws IOException {
    Socket socket = new Socket();
    bind(socket);
    socket.connect(new InetSocketAddress("127.0.0.1", port), 10_000);
    return socket;
  }

  private static void bind(Socket socket) throws IOException {
    try {
      socket.bind(new InetSocketAddress(InetAddress.getByName(ADDRESS), 0));
    } catch (BindException e) {
      // macOS has 127.0.0.1 alone; the bounds by address then count everybody together.
      socket.bind(null);
    }
  }

  /** Where attacks come from on this machine. */
  static InetAddress address() throws IOException {
    try (Socket socket = new Socket()) {
      bind(socket);
      return socket.getLocalAddress();
    }
  }

  /** A request as bytes. */
  static byte[] request(
      String method, String path, @Nullable String key, String moreHeaders, byte[] body) {
    byte[] head = head(method, path, key, moreHeaders + "Content-Length: " + body.length + "\r\n");
    byte[] whole = new byte[head.length + body.length];
    System.arraycopy(head, 0, whole, 0, head.length);
    System.arraycopy(body, 0, whole, head.length, body.length);
    return whole;
  }

  /** A request's head, blank line and all. */
  static byte[] head(String method, String path, @Nullable String key, String moreHeaders) {
    return (method
            + " "
            + path
            + " HTTP/1.1\r\nHost: localhost\r\n"
            + (key == null ? "" : "Authorization: Bearer " + key + "\r\n")
            + moreHeaders
            + "\r\n")
        .getBytes(StandardCharsets.UTF_8);
  }

  Answer send(int port, byte[] request, Duration limit) {
    return send(port, out -> out.write(request), limit);
  }

  /** Sends on a connection of its own, and reads the answer while it is still sending. */
  Answer send(int port, Writer request, Duration limit) {
    try (Socket socket = connect(port)) {
      socket.setSoTimeout((int) limit.toMillis());
      Future<?> writing =
          threads.submit(
              () -> {
                request.write(socket.getOutputStream());
                socket.getOutputStream().flush();
                return null;
              });
      try {
        return read(socket.getInputStream());
      } finally {
        writing.cancel(true);
      }
    } catch (SocketTimeoutException e) {
      return new Answer(SILENT, "", "");
    } catch (IOException e) {
      return new Answer(CLOSED, String.valueOf(e.getMessage()), "");
    }
  }

  /** Many at a time; answers in the order of the requests. */
  List<Answer> sendAll(List<java.util.concurrent.Callable<Answer>> requests, int atOnce) {
    ExecutorService some = Executors.newFixedThreadPool(atOnce);
    try {
      List<Answer> answers = new ArrayList<>();
      for (Future<Answer> one : some.invokeAll(requests)) {
        answers.add(one.get());
      }
      return answers;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (java.util.concurrent.ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } finally {
      some.shutdownNow();
    }
  }

  private static Answer read(InputStream in) throws IOException {
    java.io.ByteArrayOutputStream head = new java.io.ByteArrayOutputStream();
    int last = 0;
    while (true) {
      int one = in.read();
      if (one < 0) {
        return new Answer(CLOSED, head.toString(StandardCharsets.UTF_8), "");
      }
      head.write(one);
      last = last << 8 | one;
      if (last == 0x0D0A0D0A) {
        String text = head.toString(StandardCharsets.UTF_8);
        int status = status(text);
        if (status != 100) {
          return new Answer(status, text, body(in, text, status));
        }
        head.reset();
      }
    }
  }

  private static int status(String head) {
    return head.length() > 12 && head.startsWith("HTTP/")
        ? Integer.parseInt(head.substring(9, 12))
        : CLOSED;
  }

  private static String body(InputStream in, String head, int status) throws IOException {
    String lower = head.toLowerCase(java.util.Locale.ROOT);
    if (status == 204 || status == 304) {
      return "";
    }
    int at = lower.indexOf("\r\ncontent-length:");
    if (at >= 0) {
      int from = at + "\r\ncontent-length:".length();
      int length = Integer.parseInt(lower.substring(from, lower.indexOf('\r', from)).strip());
      return new String(in.readNBytes(Math.min(length, MAX_ANSWER)), StandardCharsets.UTF_8);
    }
    if (!lower.contains("transfer-encoding: chunked")) {
      return "";
    }
    StringBuilder body = new StringBuilder();
    while (body.length() < MAX_ANSWER) {
      String size = line(in);
      int length = size.isEmpty() ? 0 : Integer.parseInt(size.split(";")[0].strip(), 16);
      if (length == 0) {
        break;
      }
      body.append(new String(in.readNBytes(length), StandardCharsets.UTF_8));
      line(in);
    }
    return body.toString();
  }

  private static String line(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int one = in.read(); one >= 0 && one != '\n'; one = in.read()) {
      if (one != '\r') {
        line.append((char) one);
      }
    }
    return line.toString();
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
