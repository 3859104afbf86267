/** Loops that work off a queue: woken when there is work, polling as a net. */
@NullMarked
package io.klingtracker.work;

import org.jspecify.annotations.NullMarked;
