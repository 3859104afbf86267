/** Which replicas are alive, and what becomes of the claims of those that are not. */
@NullMarked
package io.klingtracker.presence;

import org.jspecify.annotations.NullMarked;
