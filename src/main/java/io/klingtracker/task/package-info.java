/**
 * The core: a task, its lifecycle, and the statements that write a change together with the work it
 * causes.
 */
@NullMarked
package io.klingtracker.task;

import org.jspecify.annotations.NullMarked;
