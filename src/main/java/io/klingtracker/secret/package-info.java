/** Keys derived from tracker.secret: sealing of stored secrets, tokens, constant-time compares. */
@NullMarked
package io.klingtracker.secret;

import org.jspecify.annotations.NullMarked;
