/** Copies results before Kling deletes them, and gives callers their content. */
@NullMarked
package io.klingtracker.custody;

import org.jspecify.annotations.NullMarked;
