package io.klingtracker.simulator;

/**
 * Ids like Kling's: 63 bits, ms since Kling's own epoch above 10 bits of worker and 12 of count.
 */
final class Snowflakes {

  private static final long EPOCH = 1_568_028_518_780L;
  private static final long WORKERS = 1024;

  private final long worker;
  private long last;

  Snowflakes(long seed) {
    worker = Math.floorMod(seed, WORKERS) << 12;
  }

  synchronized String next(long now) {
    long id = (now - EPOCH) << 22 | worker;
    last = Math.max(id, last + 1);
    return Long.toString(last);
  }

  /** Makes sure that ids of an earlier run are not handed out again. */
  synchronized void above(String id) {
    last = Math.max(last, Long.parseLong(id));
  }
}
