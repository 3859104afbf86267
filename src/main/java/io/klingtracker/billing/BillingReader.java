package io.klingtracker.billing;

import io.klingtracker.kling.KlingBilling;
import io.klingtracker.kling.KlingBilling.Ledger;
import io.klingtracker.kling.KlingBilling.Page;
import io.klingtracker.kling.KlingBilling.Reply;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.Pack;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.upstream.AccountPacks;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Reads every account's packs, and its deductions where it has the API key that they need: one call
 * a second, as Kling wishes, by whichever replica finds an account due. What one leaves behind the
 * next round reads, since each reads days anew.
 */
@Startup
@Singleton
class BillingReader {

  private static final Logger LOG = Logger.getLogger(BillingReader.class);

  /** Between two calls. */
  static final Duration PACE = Duration.ofSeconds(1);

  /** How far back each round reads: what Kling enters late is read all the same. */
  static final Duration SPAN = Duration.ofDays(3);

  /** Packs that were bought so long ago are over. */
  private static final Duration PACKS_OF = Duration.ofDays(365);

  /** How long deductions are kept, and what is known of an account that nobody asks any more. */
  private static final Duration KEPT = Duration.ofDays(40);

  /** How long synchronous calls are remembered: as long as they are compared, and a day more. */
  static final Duration CALLS_KEPT = SPAN.plusDays(1);

  /** Pages of 500 of one list in one round; an account takes weeks to fill more. */
  static final int MAX_PAGES = 1000;

  private final KlingBilling kling;
  private final KlingConfig config;
  private final AccountPacks packs;
  private final BillingStore store;
  private final BillingMetrics metrics;
  private final Duration every;
  private final Clock clock;
  private @Nullable Round round;
  private Instant lookAt = Instant.MIN;

  /** One account's, the loop's alone. */
  private static final class Round {
    private final String account;
    private final Instant from;
    private final Instant until;
    private @Nullable Ledger ledger;
    private @Nullable String next;
    private int pages;

    Round(String account, Instant until) {
      this.account = account;
      this.from = until.minus(SPAN);
      this.until = until;
    }
  }

  @Inject
  BillingReader(
      KlingBilling kling,
      KlingConfig config,
      AccountPacks packs,
      BillingStore store,
      BillingMetrics metrics,
      BillingConfig billing,
      Clock clock,
      Loops loops) {
    this.kling = kling;
    this.config = config;
    this.packs = packs;
    this.store = store;
    this.metrics = metrics;
    this.every = billing.every();
    this.clock = clock;
    loops.add(WorkLoop.named("billing").every(PACE).work(this::runOnce));
  }

  /** At most one call to Kling; there is never more to do at once. */
  boolean runOnce() {
    Round current = round;
    if (current == null) {
      begin();
    } else {
      // Whatever fails now is read by the next round.
      round = null;
      round = step(current);
    }
    return false;
  }

  private void begin() {
    Instant now = clock.instant();
    if (now.isBefore(lookAt)) {
      return;
    }
    Optional<String> account = store.claim(config.accounts().keySet(), now, now.plus(every));
    if (account.isPresent()) {
      round = new Round(account.get(), now);
      return;
    }
    store.forgetAccounts(now.minus(KEPT));
    store.forgetCalls(now.minus(CALLS_KEPT));
    config.accounts().keySet().forEach(this::show);
    Duration rest = Duration.ofMinutes(1);
    lookAt = now.plus(every.compareTo(rest) < 0 ? every : rest);
  }

  private @Nullable Round step(Round current) {
    Ledger ledger = current.ledger;
    if (ledger == null) {
      Reply<List<Pack>> reply =
          kling
              .packs(current.account, current.until.minus(PACKS_OF), current.until)
              .toCompletableFuture()
              .join();
      if (reply.value() == null) {
        return end(current, "packs cannot be read: " + reply.reason());
      }
      packs.save(current.account, reply.value(), clock.instant());
      KlingConfig.Account settings = config.accounts().get(current.account);
      if (settings == null || settings.apiKey().isEmpty()) {
        return end(current, "Kling shows deductions to an API key alone; set one");
      }
      current.ledger = Ledger.UNITS;
      return current;
    }
    Reply<Page> reply =
        kling
            .deductions(current.account, ledger, current.from, current.until, current.next)
            .toCompletableFuture()
            .join();
    Page page = reply.value();
    if (page == null) {
      return end(current, "deductions cannot be read: " + reply.reason());
    }
    store.keep(current.account, ledger, page.deductions());
    current.next = page.next();
    current.pages++;
    if (page.next() != null && current.pages < MAX_PAGES) {
      return current;
    }
    if (page.next() != null) {
      return end(current, "Kling's list has more than " + MAX_PAGES + " pages");
    }
    if (ledger == Ledger.MONEY) {
      return end(current, null);
    }
    current.ledger = Ledger.MONEY;
    current.pages = 0;
    return current;
  }

  private @Nullable Round end(Round current, @Nullable String failure) {
    store.end(current.account, current.from, current.until, failure, current.until.minus(KEPT));
    if (failure != null) {
      LOG.warnf("account=%s: its billing is not read whole: %s", current.account, failure);
    }
    show(current.account);
    return null;
  }

  private void show(String account) {
    metrics.show(
        account,
        packs.of(account),
        store.round(account).map(BillingStore.Round::unmatched).orElse(null));
  }
}
