package io.klingtracker.kling;

import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * What Kling knows of an account itself: whether it is let in, what it has left, what was taken. No
 * call blocks; each stage ends within the configured time limits and never exceptionally.
 */
public interface KlingBilling {

  /**
   * What came of a call.
   *
   * @param status of HTTP; null without an answer
   * @param code Kling's; null when there is none
   * @param reason Kling's words, or why there was no answer
   * @param date Kling's clock; null when its answer has none
   * @param value what was asked for; null when Kling refused or could not be read
   */
  record Reply<T>(
      @Nullable Integer status,
      @Nullable Integer code,
      String reason,
      @Nullable Instant date,
      @Nullable T value) {}

  /** One page of deductions, and where the next one begins; null after the last. */
  record Page(List<Deduction> deductions, @Nullable String next) {}

  /** Which of Kling's two lists of deductions. */
  enum Ledger {
    /** Of resource packs. */
    UNITS("/account/billing/package"),
    /** Of money. */
    MONEY("/account/billing/balance");

    private final String path;

    Ledger(String path) {
      this.path = path;
    }

    String path() {
      return path;
    }
  }

  /**
   * The packs of an account that were bought or were valid in a time. Kling wants to be asked once
   * a second at most, and what is left may be twelve hours old.
   *
   * @param account name of a configured account
   */
  CompletionStage<Reply<List<Pack>>> packs(String account, Instant from, Instant to);

  /**
   * Whether the account's key pair is taken, where it has one; asks for a list and changes nothing.
   */
  CompletionStage<Reply<Boolean>> pair(String account);

  /**
   * What Kling took for tasks that were created in a time.
   *
   * @param account one that has an API key
   * @param after where the page begins, as the one before it said; null for the first
   */
  CompletionStage<Reply<Page>> deductions(
      String account, Ledger ledger, Instant from, Instant to, @Nullable String after);
}
