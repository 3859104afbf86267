package io.klingtracker.bench;

/** What a ratio should be; a measure without a goal is there to be read. */
sealed interface Goal {

  boolean met(double value);

  String text();

  /** As much as this or more. */
  record AtLeast(double bound) implements Goal {
    @Override
    public boolean met(double value) {
      return value >= bound;
    }

    @Override
    public String text() {
      return "≥ " + Spread.number(bound);
    }
  }

  /** No more than this. */
  record AtMost(double bound) implements Goal {
    @Override
    public boolean met(double value) {
      return value <= bound;
    }

    @Override
    public String text() {
      return "≤ " + Spread.number(bound);
    }
  }

  /** This, to two digits. */
  record Exactly(double bound) implements Goal {
    @Override
    public boolean met(double value) {
      return Math.abs(value - bound) < 0.005;
    }

    @Override
    public String text() {
      return Spread.number(bound);
    }
  }

  /** No goal. */
  record None() implements Goal {
    @Override
    public boolean met(double value) {
      return true;
    }

    @Override
    public String text() {
      return "";
    }
  }

  static Goal atLeast(double bound) {
    return new AtLeast(bound);
  }

  static Goal atMost(double bound) {
    return new AtMost(bound);
  }

  static Goal exactly(double bound) {
    return new Exactly(bound);
  }

  static Goal none() {
    return new None();
  }
}
