/** Texts that others wrote: which of them we can keep, and what is made of those that we cannot. */
@NullMarked
package io.klingtracker.text;

import org.jspecify.annotations.NullMarked;
