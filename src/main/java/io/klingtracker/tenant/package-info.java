/** Who is calling: tenants, their API keys, and the authentication of every request. */
@NullMarked
package io.klingtracker.tenant;

import org.jspecify.annotations.NullMarked;
