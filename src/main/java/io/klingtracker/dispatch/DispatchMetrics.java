package io.klingtracker.dispatch;

import io.klingtracker.catalog.AnswerTable;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.upstream.KlingAccounts;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What operators watch of the dispatcher. */
@Singleton
class DispatchMetrics {

  private final MeterRegistry registry;
  private final MultiGauge used;
  private final MultiGauge limits;
  private final MultiGauge parked;
  private final MultiGauge credentials;
  private final MultiGauge breakers;
  private volatile List<KlingAccounts.State> accounts = List.of();
  private volatile long depth;
  private volatile double oldestSeconds;

  @Inject
  DispatchMetrics(MeterRegistry registry) {
    this.registry = registry;
    this.used =
        MultiGauge.builder("tracker.dispatch.slots.used")
            .description("Slots of Kling's that our tasks hold")
            .register(registry);
    this.limits =
        MultiGauge.builder("tracker.dispatch.slots.limit")
            .description(
                "Slots that we use at most now: as configured, or fewer after Kling's 1303")
            .register(registry);
    this.parked =
        MultiGauge.builder("tracker.dispatch.parked")
            .description("What Kling refuses of an account until an operator mends it")
            .register(registry);
    this.credentials =
        MultiGauge.builder("tracker.dispatch.credential.parked")
            .description("Kling's code for one of an account's two credentials that it refuses")
            .register(registry);
    this.breakers =
        MultiGauge.builder("tracker.dispatch.breaker")
            .description("0 closed, 1 half-open, 2 open: nothing is sent")
            .register(registry);
    Gauge.builder("tracker.dispatch.queue.depth", this, m -> m.depth)
        .description("Tasks that Kling does not have yet, counted up to a bound")
        .register(registry);
    Gauge.builder("tracker.dispatch.queue.oldest.seconds", this, m -> m.oldestSeconds)
        .description("Age of the oldest of them")
        .register(registry);
  }

  void inFlight(Supplier<Number> calls) {
    Gauge.builder("tracker.dispatch.in.flight", calls)
        .description("Calls to Kling under way")
        .register(registry);
  }

  void created(String account, CreateAnswer answer) {
    String outcome;
    Integer code = 0;
    if (answer instanceof CreateAnswer.Accepted) {
      outcome = "accepted";
    } else if (answer instanceof CreateAnswer.Exists) {
      outcome = "exists";
    } else if (answer instanceof CreateAnswer.Refused refused) {
      outcome = "refused";
      code = refused.code();
    } else if (answer instanceof CreateAnswer.Throttled throttled) {
      outcome = "put-off";
      code = throttled.code();
    } else if (answer instanceof CreateAnswer.AccountRefused refused) {
      outcome = "account-refused";
      code = refused.code();
    } else if (answer instanceof CreateAnswer.NotSent) {
      outcome = "not-sent";
    } else if (answer instanceof CreateAnswer.TurnedAway) {
      outcome = "turned-away";
    } else {
      outcome = "unknown";
    }
    Counter.builder("tracker.dispatch.creates")
        .description("Tasks sent to Kling, by its answer")
        .tags("account", account, "outcome", outcome, "code", label(code))
        .register(registry)
        .increment();
  }

  /**
   * Kling had no slot for one more.
   *
   * @param cut whether the limit was cut for it
   */
  void full(SlotPool pool, boolean cut) {
    Tags tags = Tags.of("account", pool.account(), "family", pool.family(), "model", pool.model());
    refusals(tags).increment();
    if (cut) {
      cuts(tags).increment();
    }
  }

  private Counter refusals(Tags tags) {
    return Counter.builder("tracker.dispatch.slots.refusals")
        .description("Tasks that Kling had no slot for (1303), though we thought that it had")
        .tags(tags)
        .register(registry);
  }

  private Counter cuts(Tags tags) {
    return Counter.builder("tracker.dispatch.slots.cuts")
        .description("How often that lowered the limit; refusals at once are one cut")
        .tags(tags)
        .register(registry);
  }

  /** Whoever answers in Kling's place may invent codes; labels are those of Kling's table. */
  private static String label(@Nullable Integer code) {
    return code == null
        ? "none"
        : AnswerTable.builtIn().isKnown(code) ? Integer.toString(code) : "other";
  }

  /** As they were counted last. */
  List<KlingAccounts.State> accounts() {
    return accounts;
  }

  void queue(long depth, Duration oldest) {
    this.depth = depth;
    this.oldestSeconds = oldest.toMillis() / 1000.0;
  }

  void accounts(
      List<KlingAccounts.State> accounts, java.util.function.ToIntFunction<String> breaker) {
    List<MultiGauge.Row<?>> usedRows = new ArrayList<>();
    List<MultiGauge.Row<?>> limitRows = new ArrayList<>();
    List<MultiGauge.Row<?>> parkedRows = new ArrayList<>();
    List<MultiGauge.Row<?>> credentialRows = new ArrayList<>();
    List<MultiGauge.Row<?>> breakerRows = new ArrayList<>();
    for (KlingAccounts.State account : accounts) {
      Tags name = Tags.of("account", account.name());
      for (KlingAccounts.Slots slots : account.slots()) {
        Tags tags = name.and("family", slots.family(), "model", slots.model());
        usedRows.add(MultiGauge.Row.of(tags, slots.used()));
        limitRows.add(MultiGauge.Row.of(tags, slots.limit()));
        // So that the first one is seen as a change of a count.
        refusals(tags);
        cuts(tags);
      }
      parkedRows.add(MultiGauge.Row.of(name, account.parked().size()));
      for (KlingAccounts.Parked park : account.parked()) {
        if (park.credential() != null) {
          credentialRows.add(
              MultiGauge.Row.of(name.and("credential", park.credential()), park.code()));
        }
      }
      breakerRows.add(MultiGauge.Row.of(name, breaker.applyAsInt(account.name())));
    }
    used.register(usedRows, true);
    limits.register(limitRows, true);
    parked.register(parkedRows, true);
    credentials.register(credentialRows, true);
    this.accounts = List.copyOf(accounts);
    breakers.register(breakerRows, true);
  }
}
