/**
 * The one place that reads the machine's clock; everything else is handed a {@link
 * java.time.Clock}.
 */
@NullMarked
package io.klingtracker.time;

import org.jspecify.annotations.NullMarked;
