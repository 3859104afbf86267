/** What a downstream service looks like: src/docs/events.md, run as written. */
@NullMarked
package io.klingtracker.consumer;

import org.jspecify.annotations.NullMarked;
