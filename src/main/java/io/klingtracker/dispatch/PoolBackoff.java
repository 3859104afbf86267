package io.klingtracker.dispatch;

import java.time.Duration;

/** The waits after Kling's refusals, as functions of how often it refused before. */
interface PoolBackoff {

  /**
   * Before a lowered limit is raised.
   *
   * @param failed how often raising it failed, 0 and 1 being the same
   */
  Duration beforeRaise(int failed);

  /** Before a pool that is full, with nothing of ours in it, is tried again. */
  Duration beforeTry(int refusals);

  /** Before anything is sent again to an account that wants us to wait. */
  Duration beforeNext(int refusals);

  /** Before a parked pool is tried. */
  Duration beforeProbe(int refusals);
}
