/**
 * Calls to addresses that callers name: which may be called, whatever their spelling, and a client
 * that calls exactly the address that was checked.
 */
@NullMarked
package io.klingtracker.egress;

import org.jspecify.annotations.NullMarked;
