package io.klingtracker.share;

/** What was said to a tenant that asked for some of a bound. */
public sealed interface Entry permits Permit, Refusal {

  /**
   * The permit.
   *
   * @throws io.klingtracker.problem.ProblemException when it was refused
   */
  Permit orThrow();
}
