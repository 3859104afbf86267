/** Status changes on their way out: the relay from the outbox to Kafka. */
@NullMarked
package io.klingtracker.events;

import org.jspecify.annotations.NullMarked;
