/** Asks Kling what it took and what is left, and compares that with our tasks. */
@NullMarked
package io.klingtracker.billing;

import org.jspecify.annotations.NullMarked;
