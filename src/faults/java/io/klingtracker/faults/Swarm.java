package io.klingtracker.faults;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Very many connections that each say something, then drip, or stay silent, or do not read; driven
 * by the thread that runs it.
 */
final class Swarm implements AutoCloseable {

  /**
   * So many connections are being made at a time: more would only overflow the listener's queue.
   */
  private static final int CONNECTING = 100;

  private final int port;
  private final InetAddress from = Attacker.address();
  private final Selector selector;
  private final List<Peer> peers = new ArrayList<>();
  private final Map<Integer, Integer> statuses = new TreeMap<>();
  private final ByteBuffer in = ByteBuffer.allocate(64 * 1024);
  private IntFunction<byte[]> drip = number -> new byte[0];
  private long dripNanos = Long.MAX_VALUE;
  private boolean reading = true;
  private int connecting;
  private int refused;
  private int closed;

  private final class Peer {
    private final int number;
    private final SocketChannel channel;
    private ByteBuffer out;
    private final StringBuilder head = new StringBuilder();
    private boolean answered;
    private boolean gone;
    private long nextDrip;

    Peer(int number, SocketChannel channel, byte[] first) {
      this.number = number;
      this.channel = channel;
      this.out = ByteBuffer.wrap(first);
    }
  }

  Swarm(int port) throws IOException {
    this.port = port;
    this.selector = Selector.open();
  }

  /** Each connection sends something more again and again; null or nothing: it stays silent. */
  Swarm dripping(Duration every, IntFunction<byte[]> next) {
    dripNanos = every.toNanos();
    drip = next;
    return this;
  }

  /** What comes back is not read, so that it fills the buffers of whoever sends it. */
  Swarm notReading() {
    reading = false;
    return this;
  }

  /** Opens so many connections, each of which says its first words. */
  Swarm open(int count, IntFunction<byte[]> first) throws IOException {
    for (int i = 0; i < count; i++) {
      SocketChannel channel = SocketChannel.open();
      channel.configureBlocking(false);
      if (!reading) {
        channel.setOption(java.net.StandardSocketOptions.SO_RCVBUF, 4096);
      }
      channel.bind(new InetSocketAddress(from, 0));
      Peer peer = new Peer(peers.size(), channel, first.apply(i));
      peers.add(peer);
      connecting++;
      channel.connect(new InetSocketAddress("127.0.0.1", port));
      channel.register(selector, SelectionKey.OP_CONNECT, peer);
      while (connecting >= CONNECTING) {
        step(1);
      }
    }
    return this;
  }

  /** Goes on for so long. */
  Swarm run(Duration time) throws IOException {
    long end = System.nanoTime() + time.toNanos();
    while (System.nanoTime() < end && openCount() > 0) {
      step(20);
    }
    return this;
  }

  private void step(long millis) throws IOException {
    selector.select(millis);
    Iterator<SelectionKey> ready = selector.selectedKeys().iterator();
    while (ready.hasNext()) {
      SelectionKey key = ready.next();
      ready.remove();
      Peer peer = (Peer) key.attachment();
      try {
        proceed(key, peer);
      } catch (IOException e) {
        gone(key, peer);
      }
    }
    if (dripNanos != Long.MAX_VALUE) {
      dripAll();
    }
  }

  private void proceed(SelectionKey key, Peer peer) throws IOException {
    if (key.isConnectable()) {
      connecting--;
      try {
        peer.channel.finishConnect();
      } catch (IOException e) {
        refused++;
        connecting++;
        gone(key, peer);
        return;
      }
      peer.nextDrip = System.nanoTime() + dripNanos;
      write(key, peer);
    } else if (key.isWritable()) {
      write(key, peer);
    } else if (key.isReadable()) {
      in.clear();
      if (peer.channel.read(in) < 0) {
        gone(key, peer);
        return;
      }
      if (!peer.answered) {
        in.flip();
        peer.head.append(StandardCharsets.ISO_8859_1.decode(in));
        note(peer);
      }
    }
  }

  private void note(Peer peer) {
    if (peer.head.length() >= 12 && peer.head.indexOf("HTTP/1") == 0) {
      peer.answered = true;
      statuses.merge(Integer.parseInt(peer.head.substring(9, 12)), 1, Integer::sum);
    }
  }

  private void write(SelectionKey key, Peer peer) throws IOException {
    peer.channel.write(peer.out);
    int interest = reading ? SelectionKey.OP_READ : 0;
    key.interestOps(peer.out.hasRemaining() ? interest | SelectionKey.OP_WRITE : interest);
  }

  private void dripAll() {
    long now = System.nanoTime();
    for (Peer peer : peers) {
      SelectionKey key = peer.channel.keyFor(selector);
      if (!peer.gone
          && key != null
          && key.isValid()
          && peer.channel.isConnected()
          && peer.nextDrip <= now
          && !peer.out.hasRemaining()) {
        peer.nextDrip = now + dripNanos;
        peer.out = ByteBuffer.wrap(drip.apply(peer.number));
        try {
          write(key, peer);
        } catch (IOException e) {
          gone(key, peer);
        }
      }
    }
  }

  private void gone(@Nullable SelectionKey key, Peer peer) {
    if (peer.gone) {
      return;
    }
    peer.gone = true;
    closed++;
    if (!peer.channel.isConnected()) {
      connecting--;
    }
    if (key != null) {
      key.cancel();
    }
    try {
      peer.channel.close();
    } catch (IOException e) {
      // Gone either way.
    }
  }

  /** Connections that are still open. */
  int openCount() {
    return peers.size() - closed;
  }

  /** How many were answered with which status. */
  Map<Integer, Integer> statuses() {
    return statuses;
  }

  @Override
  public String toString() {
    return "%d connections, %d refused, %d closed by the service, %d open, answers %s"
        .formatted(peers.size(), refused, closed - refused, openCount(), statuses);
  }

  @Override
  public void close() throws IOException {
    for (Peer peer : peers) {
      peer.channel.close();
    }
    selector.close();
  }
}
