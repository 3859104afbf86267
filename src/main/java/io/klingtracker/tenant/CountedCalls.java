package io.klingtracker.tenant;

import io.klingtracker.problem.ProblemException;
import java.math.BigDecimal;

/** Counts synchronous calls of the caller's tenant, which make no task that would count. */
public interface CountedCalls {

  /** A call that is counted. */
  interface Call {
    /** Kling has refused it, so it cost nothing. Blocks. */
    void refused();
  }

  /**
   * Counts a call before it is made: what is lost on the way may have been made. Blocks.
   *
   * @param path Kling's path
   * @param units what it costs
   * @throws ProblemException when the tenant's units are used up
   */
  Call count(String path, BigDecimal units);
}
