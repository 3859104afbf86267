/** Loops that process queues: woken when there is work, polling in case a wake-up is lost. */
@NullMarked
package io.klingtracker.loops;

import org.jspecify.annotations.NullMarked;
