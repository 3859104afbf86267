package io.klingtracker.simulator;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Every switch of what nobody knows about Kling, at random. A new one has to be added here, or this
 * fails.
 */
public final class RandomSwitches {

  private RandomSwitches() {}

  /**
   * Sets all of them.
   *
   * @param odd models that may take no {@code external_task_id}, or no {@code callback_url}
   * @return how they stand
   */
  public static Map<String, Object> all(
      Random random, SimulatorSettings settings, Set<String> odd) {
    for (String name : settings.switches().keySet()) {
      turn(name, random, settings, odd);
    }
    return settings.switches();
  }

  private static void turn(
      String name, Random random, SimulatorSettings settings, Set<String> odd) {
    boolean on = random.nextBoolean();
    switch (name) {
      case "callback_statuses" ->
          settings.callbackStatuses(
              on
                  ? Set.of("succeed", "failed")
                  : Set.of("submitted", "processing", "succeed", "failed"));
      case "callback_attempts" ->
          settings.callbackTries(
              1 + random.nextInt(3), settings.callbackTimeout, settings.callbackBackoff);
      case "callbacks_in_order" -> settings.callbacksInOrder(on);
      case "retries_keep_webhook_id" -> settings.retriesKeepWebhookId(on);
      case "signs_legacy_callbacks" -> settings.signsLegacyCallbacks(on);
      case "costs_in_callbacks" -> settings.costsInCallbacks(on);
      case "duplicates" ->
          settings.duplicates(
              SimulatorSettings.Duplicates.values()[
                  random.nextInt(SimulatorSettings.Duplicates.values().length)]);
      case "strict_types" -> settings.strictTypes(on);
      case "checks" -> {
        List<SimulatorSettings.Check> order =
            new ArrayList<>(List.of(SimulatorSettings.Check.values()));
        Collections.shuffle(order, random);
        settings.checks(order);
      }
      case "refunds_failed" -> settings.refundsFailed(on);
      case "lists_newest_first" -> settings.listsNewestFirst(on);
      case "listed_for_seconds" -> settings.listedFor(Duration.ofDays(on ? 30 : 365));
      case "without_external_ids" -> settings.withoutExternalIds(on ? odd : Set.of());
      case "without_callbacks" -> settings.withoutCallbacks(on ? odd : Set.of());
      case "checks_settings" -> settings.checksSettings(on);
      case "needs_ratio" -> settings.needsRatio(on);
      case "answers_tersely" -> settings.answersTersely(on);
      case "lists_show_orders" -> settings.listsShowOrders(on);
      default -> throw new IllegalStateException(name + " is not among the random switches");
    }
  }
}
