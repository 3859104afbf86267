/** Which receivers on the network may be called: URLs and addresses, whatever their spelling. */
@NullMarked
package io.klingtracker.target;

import org.jspecify.annotations.NullMarked;
