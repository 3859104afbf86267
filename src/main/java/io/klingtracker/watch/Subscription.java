package io.klingtracker.watch;

/** A wait for changes; closing it ends it, more than once does no harm. */
public interface Subscription extends AutoCloseable {
  @Override
  void close();
}
