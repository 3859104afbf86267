/** Whoever waits for a change is woken after its commit, on whichever replica it was made. */
@NullMarked
package io.klingtracker.watch;

import org.jspecify.annotations.NullMarked;
