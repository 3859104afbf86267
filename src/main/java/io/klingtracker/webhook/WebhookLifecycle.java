package io.klingtracker.webhook;

import io.klingtracker.egress.DnsResolver;
import io.klingtracker.egress.PinnedClient;
import io.klingtracker.egress.TargetConfig;
import io.klingtracker.egress.TargetPolicy;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.Sweeps;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.secret.Secrets;
import io.klingtracker.signature.SigningKey;
import io.klingtracker.signature.SigningSecret;
import io.klingtracker.task.TasksChanged;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.interceptor.Interceptor;
import java.time.Clock;
import java.time.Duration;
import java.util.UUID;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;

/** Puts the sender together, runs it, and lets it finish what it has begun. */
@Singleton
class WebhookLifecycle {

  private static final Logger LOG = Logger.getLogger(WebhookLifecycle.class);

  /** How often due deliveries are looked for when nothing else wakes the sender. */
  private static final Duration POLL = Duration.ofMillis(250);

  /** Between two looks when there was nothing more to claim: what comes meanwhile shares one. */
  private static final Duration REST = Duration.ofMillis(20);

  /** How often old rows are swept and the queue is measured. */
  private static final Duration SWEEP_EVERY = Duration.ofSeconds(15);

  private static final Duration LONGEST_GOODBYE = Duration.ofSeconds(5);
  private static final Duration GOODBYE_STEP = Duration.ofMillis(20);

  private final DeliveryQueue queue;
  private final FirstSecretConfig first;
  private final SecretStore secrets;
  private final DnsResolver resolver;
  private final PinnedClient client;
  private final WebhookSender sender;
  private final WorkLoop sending;

  @Inject
  WebhookLifecycle(
      WebhookConfig config,
      TargetConfig targets,
      FirstSecretConfig first,
      Jdbi jdbi,
      SecretStore secrets,
      Secrets root,
      TargetPolicy policy,
      WebhookSweep sweep,
      WebhookTraces traces,
      WebhookMetrics metrics,
      RedeliveryStore redeliveries,
      SetAside setAside,
      ReplicaId me,
      Presence presence,
      Vertx vertx,
      Clock clock,
      Loops loops,
      Sweeps sweeps) {
    this.first = first;
    this.secrets = secrets;
    this.resolver = new DnsResolver(config.connectTimeout(), targets.dnsServer().orElse(null));
    this.queue = new DeliveryQueue(jdbi, config.hostTopic());
    this.client =
        new PinnedClient(
            vertx,
            resolver,
            policy,
            new PinnedClient.Limits(
                config.connectTimeout(),
                config.timeout(),
                WebhookSender.ANSWER_BYTES,
                config.perHost()),
            null,
            clock);
    this.sender =
        new WebhookSender(
            queue,
            secrets,
            config.ed25519() ? SigningKey.of(root) : null,
            client,
            config,
            WebhookSender.breaker(config),
            traces,
            metrics,
            setAside,
            me,
            clock);
    this.sending =
        loops.add(
            WorkLoop.named("webhooks")
                .every(POLL)
                .rest(REST)
                .atEnd(this::finish)
                .oldest(() -> queue.oldest(clock.instant()))
                .work(sender::runOnce));
    sender.wakeBy(sending::wake);
    presence.frees("webhooks", "webhook_delivery", sending::wake);
    setAside.register(
        DeliveryQueue.KIND,
        "exists (select from task_event e where e.event_id = cast(s.key as uuid))",
        (handle, key, now) ->
            () -> {
              redeliveries.redeliver(UUID.fromString(key));
              sending.wake();
            });
    sweeps.add("webhooks", SWEEP_EVERY, sweep::runOnce);
  }

  /** After tenants have been made. */
  void onStart(@Observes @Priority(Interceptor.Priority.APPLICATION + 1000) StartupEvent start) {
    first
        .webhookSecret()
        .ifPresent(secret -> secrets.putFirst(first.tenant(), SigningSecret.parse(secret)));
  }

  void onChange(@Observes TasksChanged changes) {
    if (changes.webhooks()) {
      sending.wake();
    }
  }

  /** What is under way gets a moment; what takes longer is sent again by another. */
  private void finish() {
    long steps = LONGEST_GOODBYE.toMillis() / GOODBYE_STEP.toMillis();
    try {
      for (long step = 0; step < steps && sender.unfinished() > 0; step++) {
        Thread.sleep(GOODBYE_STEP.toMillis());
        sender.settle();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.warnf("webhooks under way could not be settled at the end: %s", e.getMessage());
    }
    client.close();
    resolver.close();
  }

  /** The sender, for who has something to send at once. */
  WebhookSender sender() {
    return sender;
  }

  /** Makes the sender look at the queue now. */
  void wake() {
    sending.wake();
  }
}
