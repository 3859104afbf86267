package io.klingtracker.webhook;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.egress.Failure;
import io.klingtracker.egress.PinnedClient;
import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.signature.SigningKey;
import io.klingtracker.signature.WebhookSigner;
import io.klingtracker.webhook.DeliveryQueue.Breaker;
import io.klingtracker.webhook.DeliveryQueue.Claimed;
import io.klingtracker.webhook.DeliveryQueue.Room;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Claims what is due, posts it, and settles what has come back. One thread does all of that: the
 * posts themselves hold none, however slow their receivers. Killed anywhere, it leaves claims that
 * others free; then the same deliveries are made again under the same {@code webhook-id}.
 */
class WebhookSender {

  private static final Logger LOG = Logger.getLogger(WebhookSender.class);
  private static final String USER_AGENT = "Kling-Task-Tracker/1";

  /** Bytes of an answer read before the connection is closed; only its beginning is ever shown. */
  static final int ANSWER_BYTES = 16_384;

  /** Deliveries claimed, or settled, at once. */
  static final int BATCH = 200;

  /** Share of a wait between attempts by which it may be shorter or longer. */
  static final double JITTER = 0.2;

  /** Longest {@code Retry-After} honoured. */
  static final Duration RETRY_AFTER_CAP = Duration.ofHours(1);

  /** Failures in a row after which a host gets one delivery at a time. */
  static final int HOST_FAILURES = 5;

  /** First break between those deliveries; it doubles … */
  static final Duration FIRST_BREAK = Duration.ofSeconds(5);

  /** … up to this. */
  static final Duration LONGEST_BREAK = Duration.ofMinutes(1);

  /** How often a paused host is tried. */
  static final Duration PAUSED_PROBE = Duration.ofHours(1);

  /** A row that is behind another is looked at again no sooner than this. */
  private static final Duration BEHIND_PAUSE = Duration.ofSeconds(1);

  /** How often claims of ours are sought that nobody works on, once something has failed … */
  private static final Duration LET_GO_EVERY = Duration.ofSeconds(5);

  /** … and for how long: whatever was sent to the database before has an end by then. */
  private static final Duration LET_GO_FOR = Duration.ofMinutes(1);

  private final DeliveryQueue queue;
  private final SecretStore secrets;
  private final @Nullable SigningKey key;
  private final PinnedClient client;
  private final RetrySchedule schedule;
  private final Breaker breaker;
  private final WebhookConfig config;
  private final WebhookTraces traces;
  private final WebhookMetrics metrics;
  private final Clock clock;
  private final SetAside setAside;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final ConcurrentLinkedQueue<Settlement> finished = new ConcurrentLinkedQueue<>();

  /** Taken from {@code finished} and not yet written; the loop's alone. */
  private final Deque<Settlement> unsettled = new ArrayDeque<>();

  /** The ids of all deliveries that are claimed and not settled; the loop's alone. */
  private final Set<String> held = new HashSet<>();

  private final ReplicaId me;
  private final AtomicLong claims = new AtomicLong();
  private final Attempts attempts = new Attempts();
  private Instant letGoAt = Instant.MAX;
  private Instant letGoUntil = Instant.MIN;
  private volatile Runnable wake = () -> {};

  WebhookSender(
      DeliveryQueue queue,
      SecretStore secrets,
      @Nullable SigningKey key,
      PinnedClient client,
      WebhookConfig config,
      Breaker breaker,
      WebhookTraces traces,
      WebhookMetrics metrics,
      SetAside setAside,
      ReplicaId me,
      Clock clock) {
    this.me = me;
    this.queue = queue;
    this.secrets = secrets;
    this.key = key;
    this.client = client;
    this.config = config;
    this.traces = traces;
    this.metrics = metrics;
    this.setAside = setAside;
    this.clock = clock;
    this.schedule = new RetrySchedule(config.retries(), JITTER, RETRY_AFTER_CAP);
    this.breaker = breaker;
  }

  /** When a host is left alone. */
  static Breaker breaker(WebhookConfig config) {
    return new Breaker(
        HOST_FAILURES, FIRST_BREAK, LONGEST_BREAK, config.breaker().pauseAfter(), PAUSED_PROBE);
  }

  /** What makes the loop run again when an answer has come. */
  void wakeBy(Runnable wake) {
    this.wake = wake;
  }

  /** One pass; true when there may be more to do at once. */
  boolean runOnce() {
    settle();
    letGo();
    boolean more;
    try {
      more = claimAndSend();
    } catch (RuntimeException e) {
      lostSome();
      throw e;
    }
    return more || !finished.isEmpty();
  }

  /** Writes what has come back and claims nothing new; for the end. */
  void settle() {
    for (Settlement next = finished.poll(); next != null; next = finished.poll()) {
      unsettled.add(next);
    }
    while (!unsettled.isEmpty()) {
      List<Settlement> batch = unsettled.stream().limit(BATCH).toList();
      Batch.apply(
          batch, some -> queue.settle(some, breaker).forEach(this::hostQueueChanged), this::lost);
      batch.forEach(
          done -> {
            unsettled.removeFirst();
            held.remove(done.eventId());
          });
    }
  }

  /** Something has failed, and rows may be ours that we know nothing of. */
  private void lostSome() {
    letGoUntil = clock.instant().plus(LET_GO_FOR);
    if (letGoAt.equals(Instant.MAX)) {
      letGoAt = clock.instant().plus(LET_GO_EVERY);
    }
  }

  private void letGo() {
    Instant now = clock.instant();
    if (now.isBefore(letGoAt)) {
      return;
    }
    int rows = queue.letGo(me.id(), held);
    letGoAt = now.isBefore(letGoUntil) ? now.plus(LET_GO_EVERY) : Instant.MAX;
    if (rows > 0) {
      LOG.infof("%d deliveries whose claim or settlement was lost are free again", rows);
    }
  }

  /** Its outcome cannot be written: it is sent again a little later, or set aside. */
  private void lost(Settlement settlement, RuntimeException failure) {
    int times = attempts.failed(settlement.eventId());
    LOG.errorf(
        "deliveryId=%s taskId=%s: its outcome cannot be written: %s",
        settlement.eventId(), settlement.taskId(), SetAside.reason(failure));
    lostSome();
    if (SetAside.isDue(failure, times)) {
      attempts.done(settlement.eventId());
      queue.setAside(setAside, settlement, failure, times);
    }
  }

  private void hostQueueChanged(DeliveryQueue.HostQueueChange change) {
    if (change.paused()) {
      LOG.warnf(
          "host=%s tenant=%s: webhooks are paused after days of failure",
          change.host(), change.tenant());
    } else {
      LOG.infof("host=%s tenant=%s: webhooks flow again", change.host(), change.tenant());
    }
    metrics.hostQueueChanged(change.paused());
  }

  private boolean claimAndSend() {
    int free = config.inFlight() - inFlight.get();
    int room = Math.min(BATCH, free);
    if (room <= 0) {
      return false;
    }
    Instant now = clock.instant();
    // A tenant may have as much under way as is left free: one alone half of all, two a third each,
    // and there is always room for one more.
    Claimed claimed =
        queue.claim(
            new Room(room, config.perHost(), free, breaker.after(), config.perHostRate()),
            me.claim(claims.incrementAndGet()),
            now);
    for (Delivery delivery : claimed.deliveries()) {
      held.add(delivery.eventId());
      metrics.inFlight(inFlight.incrementAndGet());
      send(delivery).thenAccept(result -> finish(delivery, result));
    }
    queue.queueUp(claimed.behind(), now, BEHIND_PAUSE);
    return claimed.tidied() || !claimed.behind().isEmpty() || claimed.deliveries().size() == room;
  }

  private CompletionStage<AttemptResult> send(Delivery delivery) {
    try {
      byte[] body = CallbackBody.of(delivery.payload(), delivery.taskCreatedAt());
      Instant now = clock.instant();
      Map<String, String> headers = headers(delivery.eventId(), now, delivery.tenant(), body);
      headers.put("tracker-sequence", String.valueOf(delivery.sequence()));
      headers.putAll(CallbackBody.headers(delivery.payload()));
      return traces.around(delivery, headers, () -> client.post(delivery.url(), headers, body));
    } catch (RuntimeException e) {
      LOG.errorf(
          e, "deliveryId=%s taskId=%s: could not be made", delivery.eventId(), delivery.taskId());
      return CompletableFuture.completedFuture(
          new AttemptResult.Unanswered(
              Failure.INTERNAL, "the request could not be made", Duration.ZERO));
    }
  }

  /** The headers that every webhook carries, the signature over its body among them. */
  private Map<String, String> headers(String id, Instant now, String tenant, byte[] body) {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("content-type", "application/json; charset=utf-8");
    headers.put("user-agent", USER_AGENT);
    headers.put("webhook-id", id);
    headers.put("webhook-timestamp", String.valueOf(now.getEpochSecond()));
    headers.put("webhook-signature", WebhookSigner.sign(id, now, body, secrets.live(tenant), key));
    return headers;
  }

  private void finish(Delivery delivery, AttemptResult result) {
    Instant now = clock.instant();
    AttemptOutcome outcome =
        schedule.judge(result, delivery.attempts() + 1, now, delivery.eventId().hashCode());
    Settlement settlement = Settlement.of(delivery, result, outcome, now);
    finished.add(settlement);
    metrics.inFlight(inFlight.decrementAndGet());
    metrics.attempted(delivery, settlement);
    wake.run();
  }

  /** Posts one body that belongs to no task and is not tried again. */
  CompletionStage<AttemptResult> sendTest(String id, String tenant, String url, byte[] body) {
    Map<String, String> headers = headers(id, clock.instant(), tenant, body);
    headers.put("tracker-sequence", "0");
    return client.post(url, headers, body);
  }

  /** Deliveries whose end is not written yet. */
  int unfinished() {
    return inFlight.get() + finished.size() + unsettled.size();
  }
}
