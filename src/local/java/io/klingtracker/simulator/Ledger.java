package io.klingtracker.simulator;

import java.math.BigDecimal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** What the simulated Kling would bill and did: creates, requests, callbacks, slots in use. */
public final class Ledger {

  /** Creates and callbacks remembered one by one; older ones stay in the totals only. */
  static final int MAX_ENTRIES = 200_000;

  /** A create that was accepted, and so is billed. */
  public record Create(
      String taskId,
      @Nullable String externalId,
      String account,
      String path,
      String model,
      BigDecimal units,
      @Nullable String callbackUrl,
      String prompt,
      long at) {}

  /**
   * One try of one callback.
   *
   * @param answer HTTP status of its answer, or 0 without one
   */
  public record Callback(
      String taskId,
      @Nullable String externalId,
      String status,
      int attempt,
      int answer,
      long at) {}

  /**
   * Sums since the start or the last reset.
   *
   * @param requests how many of each operation came in
   * @param refused how many were refused, by code
   * @param mostRunning the most slots in use at once, by account, family and model
   */
  public record Totals(
      long accepted,
      BigDecimal units,
      Map<String, Long> requests,
      Map<String, Long> refused,
      Map<String, Integer> mostRunning,
      long callbacks,
      long callbacksAnswered,
      int held) {}

  private final Deque<Create> creates = new ArrayDeque<>();
  private final Deque<Callback> callbacks = new ArrayDeque<>();
  private final Map<String, Integer> createsByExternalId = new HashMap<>();
  private final Map<String, Long> requests = new TreeMap<>();
  private final Map<String, Long> refused = new TreeMap<>();
  private final Map<String, Integer> mostRunning = new TreeMap<>();
  private long accepted;
  private BigDecimal units = BigDecimal.ZERO;
  private long sent;
  private long answered;

  synchronized void request(Operation operation) {
    requests.merge(operation.name().toLowerCase(java.util.Locale.ROOT), 1L, Long::sum);
  }

  synchronized void refused(int code) {
    refused.merge(Integer.toString(code), 1L, Long::sum);
  }

  synchronized void accepted(Create create) {
    accepted++;
    units = units.add(create.units());
    add(creates, create);
    if (create.externalId() != null) {
      createsByExternalId.merge(create.externalId(), 1, Integer::sum);
    }
  }

  synchronized void running(String slotKey, int slots) {
    mostRunning.merge(slotKey, slots, Math::max);
  }

  synchronized void callback(Callback callback) {
    sent++;
    if (callback.answer() >= 200 && callback.answer() < 300) {
      answered++;
    }
    add(callbacks, callback);
  }

  private static <T> void add(Deque<T> entries, T entry) {
    entries.addLast(entry);
    if (entries.size() > MAX_ENTRIES) {
      entries.removeFirst();
    }
  }

  synchronized void clear() {
    creates.clear();
    callbacks.clear();
    createsByExternalId.clear();
    requests.clear();
    refused.clear();
    mostRunning.clear();
    accepted = 0;
    units = BigDecimal.ZERO;
    sent = 0;
    answered = 0;
  }

  synchronized Totals totals(int held) {
    return new Totals(
        accepted,
        units,
        Map.copyOf(requests),
        Map.copyOf(refused),
        Map.copyOf(mostRunning),
        sent,
        answered,
        held);
  }

  /** Accepted creates, oldest first. */
  public synchronized List<Create> creates(Predicate<Create> filter) {
    return new ArrayList<>(creates).stream().filter(filter).toList();
  }

  /** How often this external id was accepted, and so billed. */
  public synchronized int accepted(String externalId) {
    return createsByExternalId.getOrDefault(externalId, 0);
  }

  /** Tries of callbacks, oldest first. */
  public synchronized List<Callback> callbacks(Predicate<Callback> filter) {
    return new ArrayList<>(callbacks).stream().filter(filter).toList();
  }

  /** How many creates were accepted. */
  public synchronized long accepted() {
    return accepted;
  }
}
