package io.klingtracker.http;

/**
 * The order in which a request meets our filters, from what is cheapest for us to what is dearest:
 * its time, its bounds, its key, its tenant's share, its body, its turn for a thread. Nothing is
 * bought for a request before all that is listed above it is in order. Higher ones come first;
 * Quarkus' own authentication, which knows the people of OpenID Connect, is 200 and its
 * authorization 100.
 */
public final class FilterOrder {

  /** The clock starts before anything is looked at. */
  static final int TIME = 1000;

  /** How many may be under way, and how a request must be written. */
  static final int BOUNDS = 990;

  /** On which port it came. */
  static final int OPERATOR = 985;

  /** What is said of media types is settled. */
  static final int MEDIA = 980;

  /** Who asks: before a byte of the body is read. */
  public static final int KEY = 150;

  /** How much of what is under way is this tenant's. */
  static final int SHARE = 145;

  /** The body is read, on the event loop, within bounds of bytes. */
  static final int BODY = 140;

  /** A thread, when there is one for callers. */
  static final int TURN = 130;

  private FilterOrder() {}
}
