/** Tasks over REST in our own shape, for who knows what the service is; decides nothing. */
@NullMarked
package io.klingtracker.api;

import org.jspecify.annotations.NullMarked;
