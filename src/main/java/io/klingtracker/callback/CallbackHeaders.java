package io.klingtracker.callback;

import org.jspecify.annotations.Nullable;

/** The headers of a callback that are checked, and kept with its receipt. */
record CallbackHeaders(
    @Nullable String id,
    @Nullable String timestamp,
    @Nullable String signature,
    @Nullable String contentType,
    @Nullable String userAgent) {}
