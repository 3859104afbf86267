/** What tests share: one PostgreSQL, one Kafka broker and one simulator for the whole run. */
@NullMarked
package io.klingtracker.testing;

import org.jspecify.annotations.NullMarked;
