package io.klingtracker.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.ScheduledFuture;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.impl.VertxHttpRequestDecoder;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Decodes HTTP/1 as Vert.x does, and refuses what proxies before us may read otherwise: a length
 * beside chunks, which is mended silently else. A method that is none is refused too, and a head
 * must be complete some seconds after it has begun.
 */
final class StrictDecoder extends VertxHttpRequestDecoder {

  /** What any route, ours or Quarkus', could be for. */
  static final Set<String> METHODS =
      Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT");

  private final long headMillis;
  private final Runnable tooSlow;
  private @Nullable ScheduledFuture<?> clock;
  private boolean inBody;

  /**
   * A decoder of one connection.
   *
   * @param tooSlow is notified before a connection is closed whose head does not come
   */
  StrictDecoder(HttpServerOptions options, long headMillis, Runnable tooSlow) {
    super(options);
    this.headMillis = headMillis;
    this.tooSlow = tooSlow;
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out)
      throws Exception {
    int before = out.size();
    super.decode(context, in, out);
    for (int i = before; i < out.size(); i++) {
      Object message = out.get(i);
      if (message instanceof HttpRequest) {
        inBody = true;
        stopClock();
      }
      if (message instanceof LastHttpContent) {
        inBody = false;
      }
    }
    if (!inBody && out.size() == before && clock == null) {
      clock =
          context
              .executor()
              .schedule(
                  () -> {
                    tooSlow.run();
                    context.close();
                  },
                  headMillis,
                  TimeUnit.MILLISECONDS);
    }
  }

  @Override
  protected HttpMessage createMessage(String[] initialLine) {
    if (!METHODS.contains(initialLine[0])) {
      throw new IllegalArgumentException("no method of HTTP");
    }
    return super.createMessage(initialLine);
  }

  @Override
  protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
    throw new IllegalArgumentException("a Content-Length beside chunks");
  }

  @Override
  protected void handlerRemoved0(ChannelHandlerContext context) throws Exception {
    stopClock();
    super.handlerRemoved0(context);
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) throws Exception {
    stopClock();
    super.channelInactive(context);
  }

  private void stopClock() {
    ScheduledFuture<?> running = clock;
    if (running != null) {
      running.cancel(false);
      clock = null;
    }
  }
}
