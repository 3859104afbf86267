/** Bounds of HTTP itself, before any resource is reached. */
@NullMarked
package io.klingtracker.http;

import org.jspecify.annotations.NullMarked;
