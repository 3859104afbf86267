/** Kling's callback target: authenticates, keeps a receipt, passes the news on. */
@NullMarked
package io.klingtracker.callback;

import org.jspecify.annotations.NullMarked;
