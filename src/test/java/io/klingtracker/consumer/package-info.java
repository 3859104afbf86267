/** What a downstream service looks like: the consumer's guide of the README, run as written. */
@NullMarked
package io.klingtracker.consumer;

import org.jspecify.annotations.NullMarked;
