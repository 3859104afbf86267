/**
 * Kling Task Tracker: each sub-package is one thing the service does; see src/docs/architecture.md.
 */
@NullMarked
package io.klingtracker;

import org.jspecify.annotations.NullMarked;
