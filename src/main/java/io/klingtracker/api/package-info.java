/** The REST resources, in Kling's shape and in our own; they translate and decide nothing. */
@NullMarked
package io.klingtracker.api;

import org.jspecify.annotations.NullMarked;
