/** The console in a real browser. */
@NullMarked
package io.klingtracker.browser;

import org.jspecify.annotations.NullMarked;
