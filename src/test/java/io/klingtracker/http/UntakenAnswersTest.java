package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.Test;

class UntakenAnswersTest {

  private static final int MOST = 1_000;

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final UntakenAnswers answers = new UntakenAnswers(meters, MOST);

  @Test
  void who_takes_the_answers_may_ask_for_any_number() {
    EmbeddedChannel reader = new EmbeddedChannel(answers.handler());
    for (int i = 0; i < 100; i++) {
      reader.write(Unpooled.wrappedBuffer(new byte[900]));
      reader.flush();
      reader.releaseOutbound();
    }
    assertTrue(reader.isOpen());
    assertEquals(0, meters.get("tracker.http.answer.bytes").gauge().value());
  }

  @Test
  void who_holds_the_most_gives_way_and_what_it_held_is_free() {
    EmbeddedChannel greedy = new EmbeddedChannel(answers.handler());
    EmbeddedChannel other = new EmbeddedChannel(answers.handler());
    greedy.write(Unpooled.wrappedBuffer(new byte[700]));
    other.write(Unpooled.wrappedBuffer(new byte[200]));
    assertTrue(greedy.isOpen());
    other.write(Unpooled.wrappedBuffer(new byte[200]));
    greedy.runPendingTasks();
    assertFalse(greedy.isOpen());
    assertTrue(other.isOpen());
    assertEquals(400, meters.get("tracker.http.answer.bytes").gauge().value());
    assertEquals(1, meters.get(Refusals.METRIC).tag("bound", "answer-bytes").counter().count());
    other.flush();
    other.releaseOutbound();
    assertEquals(0, meters.get("tracker.http.answer.bytes").gauge().value());
  }

  /** As one whose event loop is busy for long. */
  @Test
  void where_nobody_can_be_closed_in_time_no_more_is_written() {
    ChannelOutboundHandlerAdapter busy =
        new ChannelOutboundHandlerAdapter() {
          @Override
          public void close(ChannelHandlerContext context, ChannelPromise promise) {
            // Later.
          }
        };
    EmbeddedChannel greedy = new EmbeddedChannel(busy, answers.handler());
    EmbeddedChannel other = new EmbeddedChannel(answers.handler());
    greedy.write(Unpooled.wrappedBuffer(new byte[1_900]));
    assertTrue(greedy.isOpen());
    ByteBuf refused = Unpooled.wrappedBuffer(new byte[200]);
    ChannelFuture written = other.write(refused);
    assertFalse(written.isSuccess());
    assertFalse(other.isOpen());
    assertEquals(0, refused.refCnt());
    assertEquals(1_900, meters.get("tracker.http.answer.bytes").gauge().value());
    greedy.flush();
    greedy.releaseOutbound();
    assertEquals(0, meters.get("tracker.http.answer.bytes").gauge().value());
  }
}
