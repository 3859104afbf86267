package io.klingtracker.bench;

import org.HdrHistogram.Histogram;

/**
 * What came of a load.
 *
 * @param good answers that say yes
 * @param busy answers that say not now: 429 and 503
 * @param bad other answers, and connections that broke
 * @param seconds from the first request to the last answer
 * @param latency of the good ones, in microseconds, from the time they were meant to be sent
 */
record Load(long good, long busy, long bad, double seconds, Histogram latency) {

  double rate() {
    return good / seconds;
  }

  double millis(double percentile) {
    return latency.getValueAtPercentile(percentile) / 1000.0;
  }

  /** This, if nothing went wrong. */
  Load clean(String what) {
    // None at all, on a machine that others use up, is a round without a figure.
    if (bad > 0) {
      throw new IllegalStateException(
          what + ": " + good + " good, " + busy + " refused, " + bad + " bad answers");
    }
    return this;
  }

  static Histogram histogram() {
    return new Histogram(120_000_000L, 3);
  }
}
