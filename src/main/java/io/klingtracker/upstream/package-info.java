/**
 * What dispatch, callback and reconcile share: Kling's words as news of a task, and when to ask
 * Kling next.
 */
@NullMarked
package io.klingtracker.upstream;

import org.jspecify.annotations.NullMarked;
