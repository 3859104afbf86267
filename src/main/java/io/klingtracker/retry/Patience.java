package io.klingtracker.retry;

import java.time.Duration;
import java.util.function.Consumer;

/** Waiting for what only others can end: for a time at most, and said now and then. */
public final class Patience {

  private final String setting;
  private final Duration most;
  private final Duration pause;
  private final Duration sayEvery;
  private final Consumer<String> say;
  private final long begin = System.nanoTime();
  private Duration saidAt;

  /**
   * Begins now.
   *
   * @param setting what bounds it, for people
   * @param pause between two tries
   * @param say receives what is waited for, at once and then every so often
   */
  public Patience(
      String setting, Duration most, Duration pause, Duration sayEvery, Consumer<String> say) {
    this.setting = setting;
    this.most = most;
    this.pause = pause;
    this.sayEvery = sayEvery;
    this.say = say;
    this.saidAt = sayEvery.negated();
  }

  /**
   * Waits until the next try.
   *
   * @param what is waited for, a sentence without its end
   * @throws IllegalStateException with that sentence, when it would last too long
   */
  public void await(String what) {
    Duration waited = Duration.ofNanos(System.nanoTime() - begin);
    String sentence =
        "%s (%s s of %s=%s s)".formatted(what, waited.toSeconds(), setting, most.toSeconds());
    if (waited.plus(pause).compareTo(most) > 0) {
      throw new IllegalStateException(sentence);
    }
    if (waited.minus(saidAt).compareTo(sayEvery) >= 0) {
      saidAt = waited;
      say.accept(sentence);
    }
    try {
      Thread.sleep(pause.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
