/** A tenant's events in order: read after a cursor, or followed as they come. */
@NullMarked
package io.klingtracker.feed;

import org.jspecify.annotations.NullMarked;
