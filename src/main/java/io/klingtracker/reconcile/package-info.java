/** Asks Kling about tasks whose callback is overdue or needs proof, and about creates in doubt. */
@NullMarked
package io.klingtracker.reconcile;

import org.jspecify.annotations.NullMarked;
