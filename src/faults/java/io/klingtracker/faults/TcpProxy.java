package io.klingtracker.faults;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A network that can fail: passes connections on to servers in turn, and on order cuts them, delays
 * what goes over them, swallows it, or resets them. Two threads a connection.
 */
final class TcpProxy implements AutoCloseable {

  private static final int BACKLOG = 1_000;
  private static final int BUFFER = 16 * 1024;

  private final List<Integer> upstreams;
  private final ServerSocket listener;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final AtomicInteger turn = new AtomicInteger();
  private volatile long delayMillis;
  private volatile boolean swallowing;
  private volatile boolean refusing;
  private volatile boolean closed;

  /**
   * Listens on a free port of loopback.
   *
   * @param upstreams ports on loopback, dealt out connection by connection
   */
  TcpProxy(List<Integer> upstreams) {
    this.upstreams = List.copyOf(upstreams);
    try {
      listener = new ServerSocket(0, BACKLOG, InetAddress.getByName("127.0.0.1"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    start(this::accept, "proxy-" + port());
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Every part waits so long before it is passed on. */
  void delay(Duration time) {
    delayMillis = time.toMillis();
  }

  /** Connections stay open and nothing goes over them any more, as with a lost host. */
  void swallow() {
    swallowing = true;
  }

  /** Connections are refused, and those that are open are cut. */
  void refuse() {
    refusing = true;
    cut();
  }

  /** All is well again for new connections. */
  void heal() {
    delayMillis = 0;
    swallowing = false;
    refusing = false;
  }

  /** Closes all connections, each in the middle of whatever it carries. */
  void cut() {
    end(false);
  }

  /** The same with a reset, which the peer takes for an error at once. */
  void reset() {
    end(true);
  }

  private void end(boolean reset) {
    open.forEach(socket -> close(socket, reset));
  }

  private static void start(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!closed) {
      try {
        Socket client = listener.accept();
        if (refusing) {
          close(client, true);
        } else {
          connect(client);
        }
      } catch (IOException e) {
        // The listener was closed, or one connection could not be made.
        continue;
      }
    }
  }

  private void connect(Socket client) throws IOException {
    int port = upstreams.get(Math.floorMod(turn.getAndIncrement(), upstreams.size()));
    Socket server;
    try {
      server = new Socket(InetAddress.getByName("127.0.0.1"), port);
    } catch (IOException e) {
      close(client, true);
      throw e;
    }
    client.setTcpNoDelay(true);
    server.setTcpNoDelay(true);
    open.add(client);
    open.add(server);
    start(() -> pump(client, server), "proxy-out");
    start(() -> pump(server, client), "proxy-in");
  }

  private void pump(Socket from, Socket to) {
    byte[] buffer = new byte[BUFFER];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        if (delayMillis > 0) {
          Thread.sleep(delayMillis);
        }
        if (!swallowing) {
          out.write(buffer, 0, read);
        }
      }
    } catch (IOException e) {
      // One side is gone; so is the other then.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      close(from, false);
      close(to, false);
    }
  }

  private void close(Socket socket, boolean reset) {
    open.remove(socket);
    try {
      if (reset) {
        socket.setSoLinger(true, 0);
      }
      socket.close();
    } catch (IOException e) {
      // Closed by the other pump meanwhile.
    }
  }

  @Override
  public void close() {
    closed = true;
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    cut();
  }
}
