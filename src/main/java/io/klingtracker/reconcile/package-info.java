/** Asks Kling about tasks whose callback is overdue or needs proof. */
@NullMarked
package io.klingtracker.reconcile;

import org.jspecify.annotations.NullMarked;
