/** Removes what is older than it is to be kept. */
@NullMarked
package io.klingtracker.retention;

import org.jspecify.annotations.NullMarked;
