package io.klingtracker.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.ScheduledFuture;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.impl.VertxHttpRequestDecoder;
import java.util.HexFormat;
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

  /** Printable, and in no URI as it is. */
  private static final String NO_URI = "\"<>\\^`{|}";

  private static final HexFormat HEX = HexFormat.of().withUpperCase();

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
    initialLine[1] = withEncodedQuery(initialLine[1]);
    return super.createMessage(initialLine);
  }

  /**
   * A target whose query has what no URI has as it is (RFC 3986, section 2) as escapes. Browsers
   * send some of it so; Quarkus answers it with a bare 400 before any route of ours. The path stays
   * as it came: what could be read as two of them is refused.
   */
  static String withEncodedQuery(String target) {
    int query = target.indexOf('?') + 1;
    if (query == 0) {
      return target;
    }
    StringBuilder encoded = null;
    for (int i = query; i < target.length(); i++) {
      char c = target.charAt(i);
      boolean plain = c == '%' ? isEscape(target, i) : NO_URI.indexOf(c) < 0;
      if (plain && encoded == null) {
        continue;
      }
      if (encoded == null) {
        encoded = new StringBuilder(target.length() + 16).append(target, 0, i);
      }
      if (plain) {
        encoded.append(c);
      } else {
        encoded.append('%').append(HEX.toHexDigits((byte) c));
      }
    }
    return encoded == null ? target : encoded.toString();
  }

  private static boolean isEscape(String text, int percent) {
    return percent + 2 < text.length()
        && HexFormat.isHexDigit(text.charAt(percent + 1))
        && HexFormat.isHexDigit(text.charAt(percent + 2));
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
