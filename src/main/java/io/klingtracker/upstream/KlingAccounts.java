package io.klingtracker.upstream;

import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.kling.ParallelSlots;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The configured Kling accounts as operators see and steer them. */
public interface KlingAccounts {

  /** All of them, by name. */
  List<State> all();

  /**
   * Whether an account may use a model. What has no model's name that we know is every account's.
   *
   * @param models that it may use; empty for all
   * @param model by whose name slots go
   */
  static boolean mayUse(Collection<String> models, String model) {
    return models.isEmpty() || model.equals(ModelMapping.OTHER) || models.contains(model);
  }

  /** One of them; empty when it is not configured. */
  default Optional<State> one(String name) {
    return all().stream().filter(state -> state.name().equals(name)).findAny();
  }

  /**
   * Sends nothing new on this account until {@link #resume}; tasks that run there continue.
   *
   * @return false when no such account is configured
   */
  boolean pause(String name);

  /**
   * Takes a pause back, and with it every parking: what an operator says is mended is tried at
   * once.
   *
   * @return false when no such account is configured
   */
  boolean resume(String name);

  /**
   * One account.
   *
   * @param maxParallel slots per model, as configured
   * @param limits the same of each family, by its name
   * @param models that it may use; empty for all
   * @param weight share of new tasks, beside other accounts with free slots
   * @param paused by an operator
   * @param breaker {@code closed}, {@code half-open} or {@code open}, on this replica
   * @param parked what Kling refuses for now, and why
   * @param slots models with slots in use or fewer of them than configured
   */
  record State(
      String name,
      int maxParallel,
      Map<String, ParallelSlots> limits,
      Set<String> models,
      int weight,
      boolean paused,
      String breaker,
      List<Parked> parked,
      List<Slots> slots) {

    /** Whether the account as a whole is parked. */
    public boolean isParked() {
      return parked.stream().anyMatch(park -> park.family() == null && park.credential() == null);
    }
  }

  /**
   * Something Kling refuses for a reason that waiting does not cure.
   *
   * @param credential the one of two that Kling does not take, all that is sent with it; else null
   * @param family null for every family
   * @param model null for every model
   * @param code Kling's code
   * @param reason Kling's words
   * @param at since when
   * @param probeAt when one task is sent to see whether it is still so
   */
  record Parked(
      @Nullable String credential,
      @Nullable String family,
      @Nullable String model,
      int code,
      String reason,
      Instant at,
      @Nullable Instant probeAt) {}

  /**
   * Slots of one model.
   *
   * @param limit how many are used at most now
   */
  record Slots(String family, String model, int used, int limit) {}
}
