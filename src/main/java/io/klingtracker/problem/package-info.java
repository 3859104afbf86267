/**
 * What callers are told when something is refused or fails: one list of codes, two shapes (Kling's
 * and RFC 9457).
 */
@NullMarked
package io.klingtracker.problem;

import org.jspecify.annotations.NullMarked;
