/**
 * Pages for people: where a task is, who said so, what now. Reads through the façades that the API
 * reads through and calls its actions; nothing uses it.
 */
@NullMarked
package io.klingtracker.console;

import org.jspecify.annotations.NullMarked;
