package io.klingtracker.webhook;

import io.klingtracker.egress.PinnedClient;
import io.klingtracker.egress.TargetPolicy;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.secret.Secrets;
import io.klingtracker.signature.SigningKey;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.opentelemetry.api.OpenTelemetry;
import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.vertx.core.Vertx;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jdbi.v3.core.Jdbi;

/**
 * A running sender over a test's database; every name leads to this machine, but those that begin
 * with "gone.".
 */
final class SenderRig implements AutoCloseable {

  static final Secrets ROOT = new Secrets("a-root-secret-for-tests-0123456789abcdef", List.of());

  final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  final WebhookSender sender;
  final SecretStore secrets;
  final SetAside setAside;
  private final PinnedClient client;
  private final WorkLoop loop;

  private SenderRig(
      Vertx vertx, Jdbi jdbi, Clock clock, WebhookConfig config, DeliveryQueue.Breaker breaker) {
    secrets = new SecretStore(jdbi, ROOT, clock);
    client =
        new PinnedClient(
            vertx,
            name ->
                name.startsWith("gone.")
                    ? CompletableFuture.failedFuture(new UnknownHostException(name))
                    : CompletableFuture.completedFuture(List.of(loopback())),
            new TargetPolicy(true, List.of(), List.of()),
            new PinnedClient.Limits(
                config.connectTimeout(),
                config.timeout(),
                WebhookSender.ANSWER_BYTES,
                config.perHost()),
            null,
            clock);
    setAside = new SetAside(jdbi, clock);
    sender =
        new WebhookSender(
            new DeliveryQueue(jdbi, "hosts"),
            secrets,
            config.ed25519() ? SigningKey.of(ROOT) : null,
            client,
            config,
            breaker,
            new WebhookTraces(OpenTelemetry.noop().getTracer("test")),
            new WebhookMetrics(meters),
            setAside,
            new ReplicaId(),
            clock);
    loop = WorkLoop.named("webhooks-under-test").every(Duration.ofMillis(50)).work(sender::runOnce);
    sender.wakeBy(loop::wake);
    loop.start();
  }

  static SenderRig start(Vertx vertx, Jdbi jdbi, Map<String, String> settings) {
    WebhookConfig config = config(settings);
    return start(vertx, jdbi, config, WebhookSender.breaker(config));
  }

  /** Failing hosts are tried again after 10 ms, however often they failed. */
  static SenderRig hasty(Vertx vertx, Jdbi jdbi, Map<String, String> settings) {
    WebhookConfig config = config(settings);
    Duration pause = Duration.ofMillis(10);
    return start(
        vertx,
        jdbi,
        config,
        new DeliveryQueue.Breaker(
            WebhookSender.HOST_FAILURES,
            pause,
            pause,
            config.breaker().pauseAfter(),
            WebhookSender.PAUSED_PROBE));
  }

  private static SenderRig start(
      Vertx vertx, Jdbi jdbi, WebhookConfig config, DeliveryQueue.Breaker breaker) {
    return new SenderRig(
        vertx, jdbi, Clock.tick(Clock.systemUTC(), Duration.ofMillis(1)), config, breaker);
  }

  /** The defaults, and what a test sets differently. */
  static WebhookConfig config(Map<String, String> settings) {
    SmallRyeConfig config =
        new SmallRyeConfigBuilder()
            .withConverter(Duration.class, 1000, new DurationConverter())
            .withMapping(WebhookConfig.class)
            .withSources(new PropertiesConfigSource(settings, "test", 1000))
            .build();
    return config.getConfigMapping(WebhookConfig.class);
  }

  /** As the change's commit does. */
  void wake() {
    loop.wake();
  }

  private static InetAddress loopback() {
    try {
      return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    loop.close();
    client.close();
  }
}
