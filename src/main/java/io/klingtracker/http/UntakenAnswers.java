package io.klingtracker.http;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.nio.channels.ClosedChannelException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Bounds the bytes of answers that have been written and that their callers have not taken off,
 * over all connections and all fronts: who asks and does not read would else fill the memory,
 * without a key. When there are too many, the connection is closed that holds the most of those
 * that do not move. Counted next to the socket, where nothing passes uncounted.
 */
@ApplicationScoped
class UntakenAnswers {

  /** A sixteenth of the heap. */
  private static final int PART = 16;

  /**
   * Where closing others does not help in time, since their event loop is busy, whoever would write
   * more than so many times the bound is closed itself, immediately.
   */
  private static final int HARD = 2;

  /** One of the largest answers, twice. */
  private static final long LEAST = 16L << 20;

  /** Whoever takes nothing for so long does not move. */
  private static final long STILL_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final long most;
  private final AtomicLong all = new AtomicLong();
  private final Set<Holder> holders = ConcurrentHashMap.newKeySet();
  private final Counter closed;

  @Inject
  UntakenAnswers(MeterRegistry meters) {
    this(meters, Math.max(LEAST, Runtime.getRuntime().maxMemory() / PART));
  }

  UntakenAnswers(MeterRegistry meters, long most) {
    this.most = most;
    this.closed =
        Counter.builder(Refusals.METRIC)
            .description(Refusals.DESCRIPTION)
            .tag("front", "none")
            .tag("bound", "answer-bytes")
            .register(meters);
    Gauge.builder("tracker.http.answer.bytes", all, AtomicLong::get)
        .description("Bytes of answers that callers have not taken yet")
        .register(meters);
    Gauge.builder("tracker.http.answer.bytes.max", () -> most)
        .description("Bytes of answers not taken at which the slowest connection is closed")
        .register(meters);
  }

  /** What counts one connection's answers. */
  ChannelHandler handler() {
    return new Holder();
  }

  private void makeRoom() {
    long now = System.nanoTime();
    Holder worst = null;
    for (Holder holder : holders) {
      if (worst == null || holder.isWorseThan(worst, now)) {
        worst = holder;
      }
    }
    if (worst != null && holders.remove(worst)) {
      closed.increment();
      worst.close();
    }
  }

  private final class Holder extends ChannelDuplexHandler {

    private final AtomicLong held = new AtomicLong();
    private volatile long taken = System.nanoTime();
    private volatile @Nullable ChannelHandlerContext place;

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
      place = context;
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
      if (!(message instanceof ByteBuf bytes)) {
        context.write(message, promise);
        return;
      }
      int length = bytes.readableBytes();
      long before = all.get();
      if (before > 0 && (before + length) / HARD > most) {
        bytes.release();
        promise.tryFailure(new ClosedChannelException());
        closed.increment();
        context.close();
        return;
      }
      if (held.getAndAdd(length) == 0) {
        taken = System.nanoTime();
        holders.add(this);
      }
      boolean tooMany = all.addAndGet(length) > most;
      ChannelPromise counted = promise.unvoid();
      counted.addListener(done -> written(length));
      context.write(message, counted);
      if (tooMany) {
        makeRoom();
      }
    }

    private void written(int length) {
      taken = System.nanoTime();
      all.addAndGet(-length);
      if (held.addAndGet(-length) == 0) {
        holders.remove(this);
      }
    }

    boolean isWorseThan(Holder other, long now) {
      boolean still = now - taken > STILL_NANOS;
      boolean othersStill = now - other.taken > STILL_NANOS;
      return still != othersStill ? still : held.get() > other.held.get();
    }

    /** From here, since Vert.x' own close waits until all has been taken; what is queued fails. */
    void close() {
      ChannelHandlerContext closing = place;
      if (closing != null) {
        closing.close();
      }
    }
  }
}
