package io.klingtracker.billing;

import io.klingtracker.kling.Pack;
import io.klingtracker.upstream.AccountPacks;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What is left of packs, when they end, and what is not matched. */
@Singleton
class BillingMetrics {

  private final MultiGauge remaining;
  private final MultiGauge ends;
  private final MultiGauge differences;
  private final Map<String, List<MultiGauge.Row<?>>> remainingRows = new TreeMap<>();
  private final Map<String, List<MultiGauge.Row<?>>> endRows = new TreeMap<>();
  private final Map<String, List<MultiGauge.Row<?>>> unmatchedRows = new TreeMap<>();

  @Inject
  BillingMetrics(MeterRegistry registry) {
    this.remaining =
        gauge(registry, "tracker.billing.pack.remaining", "Units left of a pack that is valid");
    this.ends =
        gauge(
            registry,
            "tracker.billing.pack.ends.timestamp.seconds",
            "When what is left of a valid pack is lost, in seconds since 1970");
    this.differences =
        gauge(
            registry,
            "tracker.billing.unmatched",
            "Deductions of Kling's without a task of ours (kling), charges of ours that Kling does not"
                + " list (ours), and those that differ");
  }

  private static MultiGauge gauge(MeterRegistry registry, String name, String description) {
    return MultiGauge.builder(name).description(description).register(registry);
  }

  /**
   * Shows an account in place of what was shown of it.
   *
   * @param unmatched as the last whole round counted them; null before one
   */
  synchronized void show(
      String account, List<AccountPacks.Seen> packs, BillingStore.@Nullable Unmatched unmatched) {
    List<MultiGauge.Row<?>> left = new ArrayList<>();
    List<MultiGauge.Row<?>> until = new ArrayList<>();
    for (AccountPacks.Seen seen : packs) {
      Pack pack = seen.pack();
      Tags tags = Tags.of("account", account, "pack", pack.id());
      BigDecimal units = pack.remaining();
      Instant end = pack.endsAt();
      if (pack.isOnline() && units != null) {
        left.add(MultiGauge.Row.of(tags, units));
      }
      if (pack.isOnline() && end != null) {
        until.add(MultiGauge.Row.of(tags, end.getEpochSecond()));
      }
    }
    List<MultiGauge.Row<?>> lines = new ArrayList<>();
    if (unmatched != null) {
      unmatched
          .bySide()
          .forEach(
              (side, count) ->
                  lines.add(MultiGauge.Row.of(Tags.of("account", account, "side", side), count)));
    }
    remainingRows.put(account, left);
    endRows.put(account, until);
    unmatchedRows.put(account, lines);
    register(remaining, remainingRows);
    register(ends, endRows);
    register(differences, unmatchedRows);
  }

  private static void register(MultiGauge gauge, Map<String, List<MultiGauge.Row<?>>> rows) {
    gauge.register(rows.values().stream().flatMap(List::stream).toList(), true);
  }
}
