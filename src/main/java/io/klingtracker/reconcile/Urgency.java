package io.klingtracker.reconcile;

/** What a question to Kling is for; what is scarce is shared by the weights. */
enum Urgency {

  /** An end that an unproved callback claims, and a create in doubt: somebody waits for it. */
  PROOF(14),

  /** Silence, and the first questions about a tracked task. */
  USUAL(5),

  /** A tracked task that Kling, asked before, has never spoken of. */
  UNKNOWN(1);

  private final int weight;

  Urgency(int weight) {
    this.weight = weight;
  }

  /** How many of twenty calls go to this kind at the least while it wants them. */
  int weight() {
    return weight;
  }
}
