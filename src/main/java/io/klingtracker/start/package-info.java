/** The way in: checks the configuration, then migrates, before anything else starts. */
@NullMarked
package io.klingtracker.start;

import org.jspecify.annotations.NullMarked;
