package io.klingtracker.testing;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.concurrent.TimeUnit;

/** A clock that is so many times ahead of time: what waits by it waits that much shorter. */
public final class HurriedClock extends Clock {

  private final int speed;
  private final Instant start = Instant.now();
  private final long begun = System.nanoTime();

  /** A clock that begins now. */
  public HurriedClock(int speed) {
    this.speed = speed;
  }

  /** How long something takes on the wall, as a setting has it. */
  public String onTheWall(Duration time) {
    return time.dividedBy(speed).toMillis() + "ms";
  }

  @Override
  public Instant instant() {
    return start.plusMillis(TimeUnit.NANOSECONDS.toMillis((System.nanoTime() - begun) * speed));
  }

  @Override
  public ZoneId getZone() {
    return ZoneOffset.UTC;
  }

  @Override
  public Clock withZone(ZoneId zone) {
    return this;
  }
}
