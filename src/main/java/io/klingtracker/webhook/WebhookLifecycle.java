package io.klingtracker.webhook;

import io.klingtracker.secret.Secrets;
import io.klingtracker.target.TargetPolicy;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.interceptor.Interceptor;
import java.time.Clock;
import java.time.Duration;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** Puts the sender together, runs it, and lets it finish what it has begun. */
@Singleton
class WebhookLifecycle {

  private static final Logger LOG = Logger.getLogger(WebhookLifecycle.class);
  private static final Duration LONGEST_GOODBYE = Duration.ofSeconds(5);
  private static final Duration GOODBYE_STEP = Duration.ofMillis(20);

  private final WebhookConfig config;
  private final FirstSecretConfig first;
  private final SecretStore secrets;
  private final WebhookSweep sweep;
  private final DnsResolver resolver;
  private final PinnedClient client;
  private final WebhookSender sender;
  private @Nullable WorkLoop sending;
  private @Nullable WorkLoop sweeping;
  private final HostNews news;
  private volatile @Nullable WorkLoop telling;

  @Inject
  WebhookLifecycle(
      WebhookConfig config,
      FirstSecretConfig first,
      Jdbi jdbi,
      SecretStore secrets,
      Secrets root,
      TargetPolicy policy,
      WebhookSweep sweep,
      WebhookTraces traces,
      WebhookMetrics metrics,
      HostNews news,
      Vertx vertx,
      Clock clock) {
    this.config = config;
    this.first = first;
    this.secrets = secrets;
    this.sweep = sweep;
    this.news = news;
    this.resolver = new DnsResolver(config.connectTimeout(), config.dnsServer().orElse(null));
    this.client =
        new PinnedClient(
            vertx,
            resolver,
            policy,
            new PinnedClient.Limits(
                config.connectTimeout(), config.timeout(), config.answerBytes(), config.perHost()),
            null,
            clock);
    this.sender =
        new WebhookSender(
            new DeliveryQueue(jdbi),
            secrets,
            config.ed25519() ? SigningKey.of(root) : null,
            client,
            config,
            traces,
            metrics,
            this::hostChanged,
            clock);
  }

  /** After tenants have been made. */
  void onStart(@Observes @Priority(Interceptor.Priority.APPLICATION + 1000) StartupEvent start) {
    first
        .webhookSecret()
        .ifPresent(secret -> secrets.putFirst(first.tenant(), SigningSecret.parse(secret)));
    WorkLoop loop = WorkLoop.start("webhooks", config.poll(), config.rest(), sender::runOnce);
    sender.wakeBy(loop::wake);
    sending = loop;
    sweeping = WorkLoop.start("webhook-sweep", config.sweepEvery(), sweep::runOnce);
    telling = WorkLoop.start("webhook-hosts", config.sweepEvery(), news::runOnce);
  }

  void onChange(@Observes TasksChanged changes) {
    WorkLoop loop = sending;
    if (loop != null && changes.webhooks()) {
      loop.wake();
    }
  }

  void onStop(@Observes ShutdownEvent stop) throws InterruptedException {
    if (sweeping != null) {
      sweeping.close();
    }
    if (telling != null) {
      telling.close();
    }
    if (sending != null) {
      sending.close();
      finish();
    }
    client.close();
    resolver.close();
  }

  /** What is under way gets a moment; what takes longer is sent again when its lease is over. */
  private void finish() throws InterruptedException {
    long steps = LONGEST_GOODBYE.toMillis() / GOODBYE_STEP.toMillis();
    try {
      for (long step = 0; step < steps && sender.unfinished() > 0; step++) {
        Thread.sleep(GOODBYE_STEP.toMillis());
        sender.settle();
      }
    } catch (RuntimeException e) {
      LOG.warnf("webhooks under way could not be settled at the end: %s", e.getMessage());
    }
  }

  /** The sender, for who has something to send at once. */
  WebhookSender sender() {
    return sender;
  }

  /** Makes the sender look at the queue now. */
  void wake() {
    if (sending != null) {
      sending.wake();
    }
    hostChanged();
  }

  private void hostChanged() {
    WorkLoop loop = telling;
    if (loop != null) {
      loop.wake();
    }
  }
}
