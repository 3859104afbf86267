package io.klingtracker.kling;

import java.time.Instant;

/**
 * What Kling took for one of its tasks, by its own account.
 *
 * @param klingTaskId whose
 * @param charge how much
 * @param at when
 */
public record Deduction(String klingTaskId, Charge charge, Instant at) {}
