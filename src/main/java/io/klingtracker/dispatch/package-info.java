/** Brings stored tasks to Kling: claims them in turn, sends each once, and settles the answer. */
@NullMarked
package io.klingtracker.dispatch;

import org.jspecify.annotations.NullMarked;
