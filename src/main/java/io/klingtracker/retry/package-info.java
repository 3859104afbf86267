/** When to try again: one policy record for every loop that retries. */
@NullMarked
package io.klingtracker.retry;

import org.jspecify.annotations.NullMarked;
