/** Loops that process queues: woken when there is work, polling as a net. */
@NullMarked
package io.klingtracker.loops;

import org.jspecify.annotations.NullMarked;
