/** How many tasks a tenant has, by status, kind and model: sums that follow the feed. */
@NullMarked
package io.klingtracker.counts;

import org.jspecify.annotations.NullMarked;
