/**
 * HTTP itself, before any resource is reached: whose a path is, its bounds, and how errors look
 * (Kling's shape and RFC 9457).
 */
@NullMarked
package io.klingtracker.http;

import org.jspecify.annotations.NullMarked;
