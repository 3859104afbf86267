package io.klingtracker.http;

import com.sun.management.UnixOperatingSystemMXBean;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ServerChannel;
import io.netty.channel.SingleThreadEventLoop;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ScheduledFuture;
import io.quarkus.vertx.http.HttpServerStart;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.impl.VertxInternal;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.ObservesAsync;
import jakarta.inject.Inject;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Bounds what a connection may hold before it has sent a request: how many there are, and how long
 * the head of a request may take. Works at the listening socket, before anything is made for a
 * connection, since Quarkus and Vert.x have no place for it.
 */
@ApplicationScoped
class Connections {

  /** Heap that an idle connection is counted with. */
  private static final long BYTES_EACH = 32 << 10;

  /** File descriptors of everything else: database, Kafka, Kling, receivers, files. */
  private static final long OTHER_FILES = 512;

  private static final int LEAST = 256;
  private static final int MOST = 50_000;

  /** From the first byte, or the beginning of the connection, to the end of the head. */
  static final long HEAD_MILLIS = 10_000;

  /** Of the operators' own port; counted apart, so that callers shut nobody out there. */
  static final int OPERATORS_MOST = 256;

  private static final String DECODER = "httpDecoder";
  private static final String ENCODER = "httpEncoder";
  private static final String TLS = "ssl";

  private final Vertx vertx;
  private final UntakenAnswers answers;
  private final int most;
  private final AtomicInteger open = new AtomicInteger();
  private final Counter refused;
  private final Counter slow;
  private final Counter pipelined;

  @Inject
  Connections(Vertx vertx, HttpConfig config, UntakenAnswers answers, MeterRegistry meters) {
    this.vertx = vertx;
    this.answers = answers;
    this.most = config.maxConnections().orElseGet(Connections::derived);
    this.refused = refusals(meters, "connections");
    this.slow = refusals(meters, "head-time");
    this.pipelined = refusals(meters, "pipelined");
    Gauge.builder("tracker.http.connections", open, AtomicInteger::get)
        .description("Open connections of callers")
        .register(meters);
    Gauge.builder("tracker.http.connections.max", () -> most)
        .description("Connections that may be open; more are closed as they come")
        .register(meters);
  }

  private static Counter refusals(MeterRegistry meters, String bound) {
    return Counter.builder(Refusals.METRIC)
        .description(Refusals.DESCRIPTION)
        .tag("front", "none")
        .tag("bound", bound)
        .register(meters);
  }

  private static int derived() {
    long files =
        ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
            ? unix.getMaxFileDescriptorCount() - OTHER_FILES
            : MOST;
    long fit = Math.min(Runtime.getRuntime().maxMemory() / BYTES_EACH, files);
    return (int) Math.max(LEAST, Math.min(MOST, fit));
  }

  void listens(@ObservesAsync HttpServerStart start) {
    onStart(start);
  }

  /** Ends when the gate is in place. */
  CompletableFuture<Void> onStart(HttpServerStart start) {
    Gate gate = new Gate(start.options(), open, most);
    return install(
        channel -> {
          if (channel.pipeline().get(Gate.class) == null) {
            channel.pipeline().addFirst(gate);
          }
        });
  }

  /** The same for the operators' port, in place of a gate that took it for a public one. */
  CompletableFuture<Void> onOperatorsStart(HttpServerOptions options, int port) {
    Gate gate = new Gate(options, new AtomicInteger(), OPERATORS_MOST);
    return install(
        channel -> {
          if (channel.localAddress() instanceof InetSocketAddress local
              && local.getPort() == port) {
            if (channel.pipeline().get(Gate.class) != null) {
              channel.pipeline().remove(Gate.class);
            }
            channel.pipeline().addFirst(gate);
          }
        });
  }

  private CompletableFuture<Void> install(Consumer<Channel> at) {
    List<CompletableFuture<Void>> done = new ArrayList<>();
    for (EventExecutor executor : ((VertxInternal) vertx).getAcceptorEventLoopGroup()) {
      if (executor instanceof SingleThreadEventLoop loop) {
        done.add(CompletableFuture.runAsync(() -> install(loop, at), loop));
      }
    }
    return CompletableFuture.allOf(done.toArray(CompletableFuture[]::new));
  }

  private static void install(SingleThreadEventLoop loop, Consumer<Channel> at) {
    for (Iterator<Channel> all = loop.registeredChannelsIterator(); all.hasNext(); ) {
      Channel channel = all.next();
      if (channel instanceof ServerChannel) {
        at.accept(channel);
      }
    }
  }

  /** What guards the beginning of one connection. */
  ChannelHandler head(HttpServerOptions options) {
    return new Head(options);
  }

  /** At the listening socket: what is read there are connections. */
  @ChannelHandler.Sharable
  private final class Gate extends ChannelInboundHandlerAdapter {

    private final HttpServerOptions options;
    private final AtomicInteger inside;
    private final int room;

    Gate(HttpServerOptions options, AtomicInteger inside, int room) {
      this.options = options;
      this.inside = inside;
      this.room = room;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (message instanceof Channel connection) {
        if (inside.incrementAndGet() > room) {
          inside.decrementAndGet();
          refused.increment();
          connection.unsafe().closeForcibly();
          return;
        }
        connection.closeFuture().addListener(closed -> inside.decrementAndGet());
        connection.pipeline().addFirst(head(options), answers.handler());
      }
      context.fireChannelRead(message);
    }
  }

  /** At the beginning of a connection, until it is known what it speaks. */
  private final class Head extends ChannelInboundHandlerAdapter {

    private final HttpServerOptions options;
    private @Nullable ScheduledFuture<?> clock;

    Head(HttpServerOptions options) {
      this.options = options;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
      clock =
          context
              .executor()
              .schedule(
                  () -> {
                    slow.increment();
                    context.close();
                  },
                  HEAD_MILLIS,
                  TimeUnit.MILLISECONDS);
      context.fireChannelActive();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (!(message instanceof ByteBuf bytes) || context.pipeline().get(TLS) != null) {
        through(context);
        context.fireChannelRead(message);
        return;
      }
      // Vert.x says which version it is by the first bytes that differ, and only then makes the
      // decoder: it gets them one by one.
      while (bytes.isReadable() && context.pipeline().get(DECODER) == null) {
        if (context.isRemoved() || isHttp2(context)) {
          break;
        }
        context.fireChannelRead(bytes.readRetainedSlice(1));
      }
      if (context.pipeline().get(DECODER) != null) {
        context
            .pipeline()
            .replace(
                DECODER, DECODER, new StrictDecoder(options, HEAD_MILLIS, () -> slow.increment()));
        context
            .pipeline()
            .addAfter(ENCODER, "pipelining", new Pipelining(() -> pipelined.increment()));
        through(context);
      } else if (isHttp2(context)) {
        through(context);
      }
      if (bytes.isReadable()) {
        context.fireChannelRead(bytes);
      } else {
        bytes.release();
      }
    }

    /** The decoder has a clock of its own, and HTTP/2 bounds of its own. */
    private void through(ChannelHandlerContext context) {
      ScheduledFuture<?> running = clock;
      if (running != null) {
        running.cancel(false);
      }
      if (!context.isRemoved()) {
        context.pipeline().remove(this);
      }
    }

    private static boolean isHttp2(ChannelHandlerContext context) {
      return context.pipeline().get(Http2ConnectionHandler.class) != null;
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      through(context);
      context.fireChannelInactive();
    }
  }
}
