/** Brings stored tasks to Kling: claims them, sends each once, resolves what is uncertain. */
@NullMarked
package io.klingtracker.dispatch;

import org.jspecify.annotations.NullMarked;
