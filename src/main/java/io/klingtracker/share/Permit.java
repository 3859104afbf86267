package io.klingtracker.share;

/** Some of a bound, held until it is closed; to close it more than once does no harm. */
public final class Permit implements Entry, AutoCloseable {

  private final Share share;
  final String tenant;
  final Runnable onEvicted;

  // Guarded by the share.
  long amount;
  boolean open = true;

  Permit(Share share, String tenant, long amount, Runnable onEvicted) {
    this.share = share;
    this.tenant = tenant;
    this.amount = amount;
    this.onEvicted = onEvicted;
  }

  /**
   * Asks for more of a bound whose holdings are brief; this permit, or a refusal that leaves it as
   * it is.
   */
  public Entry grow(long more) {
    return share.grow(this, more);
  }

  /** False once it was closed, or its place was given to another tenant. */
  public boolean isOpen() {
    return share.isOpen(this);
  }

  @Override
  public Permit orThrow() {
    return this;
  }

  @Override
  public void close() {
    share.leave(this);
  }
}
