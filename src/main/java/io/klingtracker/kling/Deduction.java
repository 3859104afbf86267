package io.klingtracker.kling;

import java.time.Instant;

/**
 * What Kling took for one of its tasks, by its own account.
 *
 * @param klingTaskId whose
 * @param pack Kling's id of the pack that paid; empty where it names none
 * @param charge how much
 * @param at when
 */
public record Deduction(String klingTaskId, String pack, Charge charge, Instant at) {}
