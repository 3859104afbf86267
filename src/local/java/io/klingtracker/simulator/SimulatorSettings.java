package io.klingtracker.simulator;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How the simulated Kling behaves. Where nobody knows how the real one behaves there is a switch,
 * marked <b>open</b>; its default is the reading that asks more of a client, unless said otherwise.
 * All of it is set before the simulator starts, except render times and slots.
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

  private String host = "localhost";
  private int port;
  private int controlPort;
  private @Nullable String publicUrl;
  private long seed = 1;
  private Clock clock = Clock.systemUTC();
  private @Nullable Path directory;
  private final Map<String, Account> pairs = new LinkedHashMap<>();
  private final Map<String, String> apiKeys = new LinkedHashMap<>();
  private final List<String> webhookSecrets = new ArrayList<>();
  private volatile Duration submittedFor = Duration.ofSeconds(1);
  private volatile Duration rendersFor = Duration.ofSeconds(5);
  private volatile int slots = 5;
  private double failRate;
  private @Nullable Double balance;
  private Set<String> retiredModels = Set.of("kling-v1");
  private Set<String> callbackStatuses = Set.of("submitted", "processing", "succeed", "failed");
  private int callbackAttempts = 3;
  private Duration callbackTimeout = Duration.ofSeconds(5);
  private Duration callbackBackoff = Duration.ofSeconds(1);
  private boolean callbacksInOrder = true;
  private boolean retriesKeepWebhookId = true;
  private boolean signsLegacyCallbacks = true;
  private boolean costsInCallbacks;
  private Duplicates duplicates = Duplicates.REFUSE;
  private boolean strictTypes;
  private List<Check> checks =
      List.of(Check.PARAMETERS, Check.DUPLICATE, Check.BALANCE, Check.CONCURRENCY);
  private boolean refundsFailed = true;
  private boolean listsNewestFirst = true;
  private Duration listedFor = Duration.ofDays(365);
  private Set<String> withoutExternalIds = Set.of();
  private Set<String> withoutCallbacks = Set.of();
  private boolean checksSettings = true;
  private boolean needsRatio;
  private boolean tersely = true;

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
    tersely = value;
    return this;
  }

  String host() {
    return host;
  }

  int port() {
    return port;
  }

  int controlPort() {
    return controlPort;
  }

  @Nullable String publicUrl() {
    return publicUrl;
  }

  long seed() {
    return seed;
  }

  Clock clock() {
    return clock;
  }

  @Nullable Path directory() {
    return directory;
  }

  @Nullable Account pair(String accessKey) {
    return pairs.get(accessKey);
  }

  @Nullable String accountOfApiKey(String key) {
    return apiKeys.get(key);
  }

  List<String> webhookSecrets() {
    return webhookSecrets;
  }

  Duration submittedFor() {
    return submittedFor;
  }

  Duration rendersFor() {
    return rendersFor;
  }

  int slots() {
    return slots;
  }

  double failRate() {
    return failRate;
  }

  @Nullable Double balance() {
    return balance;
  }

  Set<String> retiredModels() {
    return retiredModels;
  }

  Set<String> callbackStatuses() {
    return callbackStatuses;
  }

  int callbackAttempts() {
    return callbackAttempts;
  }

  Duration callbackTimeout() {
    return callbackTimeout;
  }

  Duration callbackBackoff() {
    return callbackBackoff;
  }

  boolean callbacksInOrder() {
    return callbacksInOrder;
  }

  boolean retriesKeepWebhookId() {
    return retriesKeepWebhookId;
  }

  boolean signsLegacyCallbacks() {
    return signsLegacyCallbacks;
  }

  boolean costsInCallbacks() {
    return costsInCallbacks;
  }

  Duplicates duplicates() {
    return duplicates;
  }

  boolean strictTypes() {
    return strictTypes;
  }

  List<Check> checks() {
    return checks;
  }

  boolean refundsFailed() {
    return refundsFailed;
  }

  boolean listsNewestFirst() {
    return listsNewestFirst;
  }

  Duration listedFor() {
    return listedFor;
  }

  Set<String> withoutExternalIds() {
    return withoutExternalIds;
  }

  Set<String> withoutCallbacks() {
    return withoutCallbacks;
  }

  boolean checksSettings() {
    return checksSettings;
  }

  boolean needsRatio() {
    return needsRatio;
  }

  boolean answersTersely() {
    return tersely;
  }
}
