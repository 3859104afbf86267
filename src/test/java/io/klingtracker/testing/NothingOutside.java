package io.klingtracker.testing;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test that tried to leave the machine, see {@link LoopbackOnly}; found by JUnit itself.
 */
public final class NothingOutside implements AfterEachCallback, AfterAllCallback {

  @Override
  public void afterEach(ExtensionContext context) {
    check();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    check();
  }

  static void check() {
    String seen = taken();
    if (seen != null) {
      throw new AssertionError("this test, or one before it, connects outside loopback: " + seen);
    }
  }

  /** The first address outside that was tried since the last call, or null. */
  static @Nullable String taken() {
    return (String) System.getProperties().remove(LoopbackOnly.SEEN);
  }
}
