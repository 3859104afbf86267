package io.klingtracker.simulator;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How the simulated Kling behaves. Where nobody knows how the real one behaves there is a switch,
 * marked <b>open</b>; its default is the reading that asks more of a client, unless said otherwise.
 * All of it is set before the simulator starts, except render times, slots and what is paid in.
 */
public final class SimulatorSettings {

  /** The checks of a create, each with an error of its own. */
  public enum Check {
    /** Field by field, 1201. */
    PARAMETERS,
    /** An external id that was used before, 1201. */
    DUPLICATE,
    /** Units left, 1102. */
    BALANCE,
    /** Slots left, 1303. */
    CONCURRENCY
  }

  /** What happens to an external id that was used before. */
  public enum Duplicates {
    /** Refused for good, as seen live on the new generation. */
    REFUSE,
    /** Refused until the first task has failed. */
    REFUSE_UNLESS_FAILED,
    /** A second task. */
    ACCEPT
  }

  /** An account: who may call, and whose slots and ids are counted together. */
  record Account(String name, @Nullable String accessKey, @Nullable String secretKey) {}

  // What the other classes of the package read.

  String host = "localhost";
  int port;
  int controlPort;
  @Nullable String publicUrl;
  long seed = 1;
  Clock clock = Clock.systemUTC();
  @Nullable Path directory;
  private final Map<String, Account> pairs = new LinkedHashMap<>();
  private final Map<String, String> apiKeys = new LinkedHashMap<>();
  final List<String> webhookSecrets = new ArrayList<>();
  volatile Duration submittedFor = Duration.ofSeconds(1);
  volatile Duration rendersFor = Duration.ofSeconds(5);
  volatile int slots = 5;
  double failRate;
  @Nullable Double balance;
  volatile @Nullable Cash cash;
  Set<String> retiredModels = Set.of("kling-v1");
  Set<String> callbackStatuses = Set.of("submitted", "processing", "succeed", "failed");
  int callbackAttempts = 3;
  Duration callbackTimeout = Duration.ofSeconds(5);
  Duration callbackBackoff = Duration.ofSeconds(1);
  boolean callbacksInOrder = true;
  boolean retriesKeepWebhookId = true;
  boolean signsLegacyCallbacks = true;
  boolean costsInCallbacks;
  Duplicates duplicates = Duplicates.REFUSE;
  boolean strictTypes;
  List<Check> checks = List.of(Check.PARAMETERS, Check.DUPLICATE, Check.BALANCE, Check.CONCURRENCY);
  boolean refundsFailed = true;
  boolean listsNewestFirst = true;
  Duration listedFor = Duration.ofDays(365);
  Set<String> withoutExternalIds = Set.of();
  Set<String> withoutCallbacks = Set.of();
  boolean checksSettings = true;
  boolean needsRatio;
  boolean answersTersely = true;
  boolean listsShowOrders;

  /** Where both ports listen; default loopback only. */
  public SimulatorSettings host(String value) {
    host = value;
    return this;
  }

  /** Kling's port; 0, the default, takes any free one. */
  public SimulatorSettings port(int value) {
    port = value;
    return this;
  }

  /** The control port; 0, the default, takes any free one. */
  public SimulatorSettings controlPort(int value) {
    controlPort = value;
    return this;
  }

  /** Base of result URLs; default {@code http://localhost:<port>}. */
  public SimulatorSettings publicUrl(String value) {
    publicUrl = value;
    return this;
  }

  /** Seed of everything that looks random. */
  public SimulatorSettings seed(long value) {
    seed = value;
    return this;
  }

  /** Where the simulator reads the time. */
  public SimulatorSettings clock(Clock value) {
    clock = value;
    return this;
  }

  /**
   * Keeps tasks here, so that they continue after the process was killed; default: in memory only.
   */
  public SimulatorSettings directory(Path value) {
    directory = value;
    return this;
  }

  /** Lets an account in by access and secret key (JWT, legacy paths only). */
  public SimulatorSettings account(String name, String accessKey, String secretKey) {
    pairs.put(accessKey, new Account(name, accessKey, secretKey));
    return this;
  }

  /** Lets an account in by API key (all paths). */
  public SimulatorSettings apiKey(String account, String key) {
    apiKeys.put(key, account);
    return this;
  }

  /** Signs callbacks with this {@code whsec_} secret; two secrets are a rotation: both sign. */
  public SimulatorSettings webhookSecret(String secret) {
    webhookSecrets.add(secret);
    return this;
  }

  /** How long a task stays {@code submitted}, and how long it takes from there in all. */
  public SimulatorSettings renderTimes(Duration submitted, Duration total) {
    submittedFor = submitted;
    rendersFor = total;
    return this;
  }

  /** Slots per account, family and model version. */
  public SimulatorSettings slots(int value) {
    slots = value;
    return this;
  }

  /** Share of tasks that fail, 0 to 1. */
  public SimulatorSettings failRate(double value) {
    failRate = value;
    return this;
  }

  /** Units an account may spend; default: without end. */
  public SimulatorSettings balance(double units) {
    balance = units;
    return this;
  }

  /**
   * What accounts pay in in place of units.
   *
   * @param currency as the newer generation names it; the older one names none
   * @param unit the price of a unit
   */
  record Cash(String currency, BigDecimal unit) {

    BigDecimal of(BigDecimal units) {
      return units.multiply(unit);
    }
  }

  /**
   * Whether tasks that end are paid in money; by default in units.
   *
   * @param currency such as {@code CNY}; empty for units
   * @param unit the price of a unit
   */
  public SimulatorSettings cash(String currency, BigDecimal unit) {
    cash = currency.isEmpty() ? null : new Cash(currency, unit);
    return this;
  }

  /** Models that are refused as discontinued when named. */
  public SimulatorSettings retiredModels(Set<String> value) {
    retiredModels = value;
    return this;
  }

  /** <b>Open</b>: which statuses are called back, {@code submitted} among them or not. */
  public SimulatorSettings callbackStatuses(Set<String> value) {
    callbackStatuses = value;
    return this;
  }

  /** <b>Open</b>: how often, how patiently and after what first wait a callback is tried. */
  public SimulatorSettings callbackTries(int attempts, Duration timeout, Duration backoff) {
    callbackAttempts = attempts;
    callbackTimeout = timeout;
    callbackBackoff = backoff;
    return this;
  }

  /** <b>Open</b>: whether a task's callback waits for the one before it to be settled. */
  public SimulatorSettings callbacksInOrder(boolean value) {
    callbacksInOrder = value;
    return this;
  }

  /** <b>Open</b>: whether a retry keeps its {@code webhook-id}. */
  public SimulatorSettings retriesKeepWebhookId(boolean value) {
    retriesKeepWebhookId = value;
    return this;
  }

  /** <b>Open</b>: whether callbacks of legacy paths are signed when a secret exists. */
  public SimulatorSettings signsLegacyCallbacks(boolean value) {
    signsLegacyCallbacks = value;
    return this;
  }

  /** <b>Open</b>: whether legacy callbacks carry the cost keys; the one capture does not. */
  public SimulatorSettings costsInCallbacks(boolean value) {
    costsInCallbacks = value;
    return this;
  }

  /** <b>Open</b>: what a used external id does on legacy paths. */
  public SimulatorSettings duplicates(Duplicates value) {
    duplicates = value;
    return this;
  }

  /**
   * <b>Open</b>: whether a number as {@code duration}, a string as boolean and unknown fields are
   * refused; by default they are taken.
   */
  public SimulatorSettings strictTypes(boolean value) {
    strictTypes = value;
    return this;
  }

  /** <b>Open</b>: the order of checks; credentials always come first. */
  public SimulatorSettings checks(List<Check> value) {
    checks = List.copyOf(value);
    return this;
  }

  /** <b>Open</b>: whether a failed task costs nothing. */
  public SimulatorSettings refundsFailed(boolean value) {
    refundsFailed = value;
    return this;
  }

  /** <b>Open</b>: the order of the legacy list. */
  public SimulatorSettings listsNewestFirst(boolean value) {
    listsNewestFirst = value;
    return this;
  }

  /** <b>Open</b>: how long tasks stay listed and can be asked for; nine months were seen. */
  public SimulatorSettings listedFor(Duration value) {
    listedFor = value;
    return this;
  }

  /**
   * <b>Open</b>: models of the newer generation that ignore {@code external_task_id}, said of 4.0
   * by one reseller; by default none.
   */
  public SimulatorSettings withoutExternalIds(Set<String> value) {
    withoutExternalIds = value;
    return this;
  }

  /** <b>Open</b>: models of the newer generation that ignore {@code callback_url}, likewise. */
  public SimulatorSettings withoutCallbacks(Set<String> value) {
    withoutCallbacks = value;
    return this;
  }

  /**
   * <b>Open</b>: whether the newer generation's create checks the range of a duration; it was seen
   * not to.
   */
  public SimulatorSettings checksSettings(boolean value) {
    checksSettings = value;
    return this;
  }

  /**
   * <b>Open</b>: whether the newer generation needs {@code aspect_ratio} where there is no frame;
   * it was seen to, its pages have a default.
   */
  public SimulatorSettings needsRatio(boolean value) {
    needsRatio = value;
    return this;
  }

  /**
   * <b>Open</b>: whether a create of the newer generation is answered with an empty {@code message}
   * and without {@code external_id} where none was given, as was seen once.
   */
  public SimulatorSettings answersTersely(boolean value) {
    answersTersely = value;
    return this;
  }

  /**
   * <b>Open</b>: whether the rows of lists show the model and the prompt that was ordered; no
   * capture does.
   */
  public SimulatorSettings listsShowOrders(boolean value) {
    listsShowOrders = value;
    return this;
  }

  /** Every switch of what is <b>open</b>, by name, as it stands. */
  Map<String, Object> switches() {
    Map<String, Object> switches = new LinkedHashMap<>();
    switches.put("callback_statuses", new TreeSet<>(callbackStatuses));
    switches.put("callback_attempts", callbackAttempts);
    switches.put("callbacks_in_order", callbacksInOrder);
    switches.put("retries_keep_webhook_id", retriesKeepWebhookId);
    switches.put("signs_legacy_callbacks", signsLegacyCallbacks);
    switches.put("costs_in_callbacks", costsInCallbacks);
    switches.put("duplicates", duplicates);
    switches.put("strict_types", strictTypes);
    switches.put("checks", checks);
    switches.put("refunds_failed", refundsFailed);
    switches.put("lists_newest_first", listsNewestFirst);
    switches.put("listed_for_seconds", listedFor.toSeconds());
    switches.put("without_external_ids", new TreeSet<>(withoutExternalIds));
    switches.put("without_callbacks", new TreeSet<>(withoutCallbacks));
    switches.put("checks_settings", checksSettings);
    switches.put("needs_ratio", needsRatio);
    switches.put("answers_tersely", answersTersely);
    switches.put("lists_show_orders", listsShowOrders);
    return switches;
  }

  @Nullable Account pair(String accessKey) {
    return pairs.get(accessKey);
  }

  @Nullable String accountOfApiKey(String key) {
    return apiKeys.get(key);
  }
}
