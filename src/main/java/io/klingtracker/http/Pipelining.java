package io.klingtracker.http;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;

/**
 * So many requests of one HTTP/1 connection may wait for their answers; with more it is closed.
 * Vert.x keeps them all, and begins the next inside the end of the one before: hundreds of them are
 * hundreds of frames on the stack.
 */
final class Pipelining extends ChannelDuplexHandler {

  static final int MOST = 16;

  private final Runnable tooMany;
  private int unanswered;

  /**
   * For one connection.
   *
   * @param tooMany is notified before the connection is closed
   */
  Pipelining(Runnable tooMany) {
    this.tooMany = tooMany;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest) {
      if (unanswered >= MOST) {
        ReferenceCountUtil.release(message);
        if (unanswered == MOST) {
          unanswered++;
          tooMany.run();
          context.close();
        }
        return;
      }
      unanswered++;
    } else if (unanswered > MOST) {
      ReferenceCountUtil.release(message);
      return;
    }
    context.fireChannelRead(message);
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof LastHttpContent && !isInterim(message) && unanswered <= MOST) {
      unanswered = Math.max(0, unanswered - 1);
    }
    context.write(message, promise);
  }

  private static boolean isInterim(Object message) {
    return message instanceof HttpResponse response
        && response.status().code() < HttpResponseStatus.OK.code();
  }
}
