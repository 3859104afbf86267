/** Kling's own paths: create, ask, list and pass on, in Kling's shape and with Kling's errors. */
@NullMarked
package io.klingtracker.klingapi;

import org.jspecify.annotations.NullMarked;
