package io.klingtracker.reconcile;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the reconciler. */
@ConfigMapping(prefix = "tracker.reconcile")
public interface ReconcileConfig {

  /**
   * Most tasks asked about at once; each costs a few hundred bytes meanwhile. One tenant has half
   * of them at the most.
   */
  @WithDefault("20000")
  int batch();

  /** From so many tasks of one account and kind on, Kling's list is read rather than each asked. */
  @WithDefault("5")
  int listFrom();

  /** The same where the account has an API key and twenty can be asked for by id in one call. */
  @WithDefault("60")
  int listFromWithApiKey();

  /** Calls to each account in a second, by each replica. */
  @WithDefault("20")
  int rate();

  /**
   * Most tasks of one account that are asked for one by one at a time, in questions; the others
   * wait. One tenant has half of them at the most.
   */
  @WithDefault("100")
  int singles();

  /** Accounts and kinds of which many tasks are asked about at the same time. */
  @WithDefault("8")
  int parallel();

  /** The fallback poll, should a wake-up be lost. */
  @WithDefault("1s")
  Duration poll();

  /** An expired task is asked about this often, at the most. */
  @WithDefault("1h")
  Duration expiredEvery();

  /** And for this long after it expired. */
  @WithDefault("7D")
  Duration giveUpAfter();

  /** How an end that an unproved callback claims is confirmed. */
  Proof proof();

  /** See {@link #proof()}. */
  interface Proof {
    /** The wait before Kling is asked again that did not say so yet, or could not be asked. */
    @WithDefault("500ms")
    Duration first();

    /** The waits grow up to this. */
    @WithDefault("30s")
    Duration cap();

    /** After so many answers that do not confirm it, the claim is taken as untrue. */
    @WithDefault("8")
    int attempts();
  }
}
