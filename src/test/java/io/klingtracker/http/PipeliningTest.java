package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class PipeliningTest {

  private final AtomicInteger refused = new AtomicInteger();
  private final EmbeddedChannel channel =
      new EmbeddedChannel(new Pipelining(refused::incrementAndGet));

  @Test
  void so_many_requests_wait_and_one_more_ends_the_connection() {
    for (int i = 0; i < Pipelining.MOST; i++) {
      ask();
    }
    assertTrue(channel.isOpen());
    ask();
    assertFalse(channel.isOpen());
    assertEquals(1, refused.get());
    assertEquals(Pipelining.MOST, channel.inboundMessages().size());
  }

  @Test
  void one_after_the_other_there_may_be_any_number() {
    for (int i = 0; i < 100; i++) {
      ask();
      channel.writeOutbound(answer(HttpResponseStatus.CONTINUE));
      channel.writeOutbound(answer(HttpResponseStatus.OK));
    }
    assertTrue(channel.isOpen());
    assertEquals(0, refused.get());
  }

  private void ask() {
    channel.writeInbound(new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/"));
  }

  private static DefaultFullHttpResponse answer(HttpResponseStatus status) {
    return new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status);
  }
}
