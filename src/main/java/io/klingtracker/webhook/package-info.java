/**
 * The caller's own callback_url: every status change is posted there, signed, retried and in order,
 * and never to an address that is none of the caller's business.
 */
@NullMarked
package io.klingtracker.webhook;

import org.jspecify.annotations.NullMarked;
