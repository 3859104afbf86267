/**
 * What callers may send: one reader of parameters and headers, and one of the texts and numbers in
 * JSON bodies. Each refusal names what was wrong with which value.
 */
@NullMarked
package io.klingtracker.request;

import org.jspecify.annotations.NullMarked;
