package io.klingtracker.reconcile;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Spreads calls so that no account gets more than so many a second; those that wait for their turn
 * get it by {@link CallTurns}. How many wait is bounded by who calls.
 */
final class CallRate {

  private final long intervalNanos;
  private final LongSupplier nanos;
  private final Map<String, Account> accounts = new ConcurrentHashMap<>();

  private final class Account {
    // Guarded by this.
    private final CallTurns<Runnable> turns = new CallTurns<>();
    private long nextAt = nanos.getAsLong();
    private boolean ticking;

    private synchronized void add(Urgency urgency, String tenant, Runnable call) {
      turns.add(urgency, tenant, call);
    }

    /** What may be called now; otherwise sees to it that it is when its time has come. */
    private synchronized Optional<Runnable> due() {
      long wait = nextAt - nanos.getAsLong();
      if (turns.isEmpty() || ticking) {
        return Optional.empty();
      }
      if (wait > 0) {
        ticking = true;
        CompletableFuture.delayedExecutor(wait, TimeUnit.NANOSECONDS).execute(this::tick);
        return Optional.empty();
      }
      nextAt = nanos.getAsLong() + intervalNanos;
      return turns.next();
    }

    private void tick() {
      synchronized (this) {
        ticking = false;
      }
      run();
    }

    private void run() {
      for (Optional<Runnable> call = due(); call.isPresent(); call = due()) {
        call.get().run();
      }
    }
  }

  CallRate(int callsPerSecond, LongSupplier nanos) {
    this.intervalNanos = Duration.ofSeconds(1).dividedBy(Math.max(1, callsPerSecond)).toNanos();
    this.nanos = nanos;
  }

  /**
   * Asks in its turn, at once where nobody waits.
   *
   * @param question begins the call and does not block
   */
  <T> CompletableFuture<T> call(
      String account, Urgency urgency, String tenant, Supplier<CompletionStage<T>> question) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    Account of = accounts.computeIfAbsent(account, name -> new Account());
    of.add(urgency, tenant, () -> ask(question, answer));
    of.run();
    return answer;
  }

  private static <T> void ask(Supplier<CompletionStage<T>> question, CompletableFuture<T> answer) {
    try {
      question
          .get()
          .whenComplete(
              (answered, failure) -> {
                if (failure == null) {
                  answer.complete(answered);
                } else {
                  answer.completeExceptionally(failure);
                }
              });
    } catch (RuntimeException e) {
      answer.completeExceptionally(e);
    }
  }
}
