/** What callers receive when something is refused or fails: one list of codes. */
@NullMarked
package io.klingtracker.problem;

import org.jspecify.annotations.NullMarked;
