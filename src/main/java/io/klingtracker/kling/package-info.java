/**
 * Kling as a remote service: credentials, requests, answers and news in every dialect. Knows
 * nothing of our tasks.
 */
@NullMarked
package io.klingtracker.kling;

import org.jspecify.annotations.NullMarked;
