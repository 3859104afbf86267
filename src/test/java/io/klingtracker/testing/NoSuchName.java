package io.klingtracker.testing;

import io.vertx.core.VertxOptions;
import io.vertx.core.dns.AddressResolverOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;

/** A name server on this machine that knows no name; only the hosts file does. */
public final class NoSuchName implements AutoCloseable {

  private static final int MAX_QUERY_BYTES = 512;

  private final DatagramSocket socket;

  /** Starts it on a port of its own. */
  public NoSuchName() {
    try {
      socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread thread = new Thread(this::answer, "no-such-name");
    thread.setDaemon(true);
    thread.start();
  }

  /** Address and port. */
  public String address() {
    return "127.0.0.1:" + socket.getLocalPort();
  }

  /** Asks this server and nobody else. */
  public VertxOptions options() {
    return new VertxOptions()
        .setAddressResolverOptions(
            new AddressResolverOptions().addServer(address()).setQueryTimeout(60_000));
  }

  private void answer() {
    DatagramPacket packet = new DatagramPacket(new byte[MAX_QUERY_BYTES], MAX_QUERY_BYTES);
    try {
      while (true) {
        socket.receive(packet);
        // The question as it came, marked as a response (QR) with NXDOMAIN.
        packet.getData()[2] |= (byte) 0x80;
        packet.getData()[3] = 3;
        socket.send(packet);
        packet.setLength(MAX_QUERY_BYTES);
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  @Override
  public void close() {
    socket.close();
  }
}
