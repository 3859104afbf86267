package io.klingtracker.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How long the head of a request may take, on a channel's own clock. */
class HeadTimeTest {

  private final Vertx vertx = Vertx.vertx();
  private final HttpServerOptions options = new HttpServerOptions();
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final AtomicInteger slow = new AtomicInteger();

  @AfterEach
  void stop() {
    vertx.close();
  }

  @Test
  void a_connection_that_says_nothing_is_closed() {
    EmbeddedChannel channel = channel(beginning());

    after(channel, Connections.HEAD_MILLIS - 1);
    assertTrue(channel.isOpen());
    after(channel, 1);
    assertFalse(channel.isOpen());
    assertEquals(
        1, meters.get(Refusals.METRIC).tag("bound", "head-time").counter().count(), "counted");
  }

  @Test
  void bytes_before_it_is_known_what_is_spoken_win_no_time() {
    EmbeddedChannel channel = channel(beginning());
    for (int second = 1; second < 10; second++) {
      after(channel, 1_000);
      assertTrue(channel.isOpen(), "after " + second + " s");
      say(channel, "P");
    }
    after(channel, 1_000);
    assertFalse(channel.isOpen());
    channel.releaseInbound();
  }

  @Test
  void a_head_at_a_byte_a_second_is_closed() {
    EmbeddedChannel channel = channel(decoder());
    String head = "GET /v1/tasks HTTP/1.1\r\nHost: x\r\n\r\n";
    say(channel, head.substring(0, 1));
    for (int second = 1; second < 10; second++) {
      after(channel, 1_000);
      assertTrue(channel.isOpen(), "after " + second + " s");
      say(channel, head.substring(second, second + 1));
    }
    after(channel, 1_000);
    assertFalse(channel.isOpen());
    assertEquals(1, slow.get());
  }

  @Test
  void a_head_that_is_there_in_time_ends_the_clock_and_the_next_has_one_of_its_own() {
    EmbeddedChannel channel = channel(decoder());
    for (int i = 0; i < 3; i++) {
      say(channel, "GET / HTTP/1.1\r\n");
      after(channel, Connections.HEAD_MILLIS - 1);
      say(channel, "Host: x\r\n\r\n");
      after(channel, 3 * Connections.HEAD_MILLIS);
      assertTrue(channel.isOpen());
    }
    assertEquals(0, slow.get());
    channel.releaseInbound();
  }

  private ChannelHandler beginning() {
    return new Connections(
            vertx,
            Settings.of(HttpConfig.class, Map.of()),
            new UntakenAnswers(meters, Long.MAX_VALUE),
            meters)
        .head(options);
  }

  private ChannelHandler decoder() {
    return new StrictDecoder(options, Connections.HEAD_MILLIS, slow::incrementAndGet);
  }

  private static EmbeddedChannel channel(ChannelHandler handler) {
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.freezeTime();
    channel.pipeline().addLast(handler);
    channel.pipeline().fireChannelActive();
    return channel;
  }

  private static void after(EmbeddedChannel channel, long millis) {
    channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
  }

  private static void say(EmbeddedChannel channel, String text) {
    channel.writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.UTF_8));
  }
}
