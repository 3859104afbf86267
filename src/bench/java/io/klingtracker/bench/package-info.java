/**
 * {@code mvn -Pbench}: what the packaged service does beside what PostgreSQL, Kafka and Debezium do
 * without it, in one run on the same servers; never part of the production artifact.
 */
@NullMarked
package io.klingtracker.bench;

import org.jspecify.annotations.NullMarked;
