package io.klingtracker.callback;

import io.klingtracker.text.ForeignText;
import org.jspecify.annotations.Nullable;

/** The headers of a callback that are checked, and kept with its receipt. */
record CallbackHeaders(
    @Nullable String id,
    @Nullable String timestamp,
    @Nullable String signature,
    @Nullable String contentType,
    @Nullable String userAgent) {

  /** In bytes; a signature with four secrets has 200. */
  private static final int MAX_KEPT = 512;

  /** As they are kept. */
  CallbackHeaders kept() {
    return new CallbackHeaders(
        kept(id), kept(timestamp), kept(signature), kept(contentType), kept(userAgent));
  }

  private static @Nullable String kept(@Nullable String value) {
    return value == null ? null : ForeignText.clean(value, MAX_KEPT);
  }
}
