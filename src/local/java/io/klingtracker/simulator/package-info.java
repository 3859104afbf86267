/**
 * A stand-in for Kling's service: its create, query, list and callbacks as recorded on the wire,
 * with faults on order and a ledger of what was billed. Shares no code with the service it tries.
 */
@NullMarked
package io.klingtracker.simulator;

import org.jspecify.annotations.NullMarked;
