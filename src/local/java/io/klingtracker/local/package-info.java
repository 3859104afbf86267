/**
 * What a run without Docker needs beside the service: PostgreSQL, Kafka and the simulator, for
 * {@code mvn -Plocal} and for the tests; never part of the production artifact.
 */
@NullMarked
package io.klingtracker.local;

import org.jspecify.annotations.NullMarked;
