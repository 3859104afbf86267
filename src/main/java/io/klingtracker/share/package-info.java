/** Bounds that all tenants share, so that none of them can keep the others out. */
@NullMarked
package io.klingtracker.share;

import org.jspecify.annotations.NullMarked;
