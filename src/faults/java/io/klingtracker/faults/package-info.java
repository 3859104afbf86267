/**
 * {@code mvn -Pattack}: the packaged service under load and under attack, judged from outside. A
 * row is one class; see {@code src/docs/testing.md}. Never part of the production artifact.
 */
@NullMarked
package io.klingtracker.faults;

import org.jspecify.annotations.NullMarked;
