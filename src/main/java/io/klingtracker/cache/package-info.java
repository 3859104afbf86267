/** What is remembered for a while, in memory and bounded, with no lock on a request's way. */
@NullMarked
package io.klingtracker.cache;

import org.jspecify.annotations.NullMarked;
