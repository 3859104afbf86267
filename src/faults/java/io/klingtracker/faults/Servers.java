package io.klingtracker.faults;

import io.klingtracker.local.EmbeddedKafkaBroker;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.QuietLogs;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.SimulatorSettings;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.List;

/** What every row shares: PostgreSQL, Kafka, two Klings with their ledgers, a webhook sink. */
final class Servers implements AutoCloseable {

  static final String KLING_API_KEY = "faults-kling-api-key";
  static final String KLING_ACCESS_KEY = "faults-kling-access";
  static final String KLING_SECRET_KEY = "faults-kling-secret-0123456789abcdef";
  static final String KLING_WEBHOOK_SECRET = "whsec_ZmF1bHRzLWtsaW5nLXNlY3JldC0wMTIzNDU2Nzg5YWI=";
  static final String WEBHOOK_SECRET = "whsec_ZmF1bHRzLXdlYmhvb2stc2VjcmV0LTAxMjM0NTY3ODlhYg==";

  static final Duration SUBMITTED_FOR = Duration.ofMillis(150);
  static final Duration RENDERS_FOR = Duration.ofMillis(500);

  /** Slots at Kling where no row says otherwise: never too few. */
  static final int SLOTS = 10_000;

  private final EmbeddedPostgresServer postgres;
  private final SecuredKafka securedKafka = new SecuredKafka();
  private final EmbeddedKafkaBroker kafka;
  private final KlingSimulator plain;
  private final KlingSimulator signing;
  private final WebhookSink sink;

  Servers(Run run) throws Exception {
    // Says for each stream of an attack that the service has ended it.
    QuietLogs.silent("io.vertx.core.net.impl.ConnectionBase");
    postgres = EmbeddedPostgresServer.ephemeral();
    kafka = EmbeddedKafkaBroker.ephemeral(securedKafka.broker());
    plain = new KlingSimulator(kling(run, "default")).start();
    signing = new KlingSimulator(kling(run, "signed").webhookSecret(KLING_WEBHOOK_SECRET)).start();
    sink = new WebhookSink(Vertx.vertx(), WEBHOOK_SECRET);
  }

  private static SimulatorSettings kling(Run run, String account) {
    return new SimulatorSettings()
        .seed(run.seed() + account.hashCode())
        .account(account, KLING_ACCESS_KEY, KLING_SECRET_KEY)
        .apiKey(account, KLING_API_KEY)
        .slots(SLOTS)
        .renderTimes(SUBMITTED_FOR, RENDERS_FOR)
        .callbackTries(5, Duration.ofSeconds(5), Duration.ofMillis(200));
  }

  EmbeddedPostgresServer postgres() {
    return postgres;
  }

  EmbeddedKafkaBroker kafka() {
    return kafka;
  }

  /** The broker's other listener. */
  SecuredKafka securedKafka() {
    return securedKafka;
  }

  /** Kling behind account {@code default}, which does not sign its callbacks. */
  KlingSimulator plain() {
    return plain;
  }

  /** Kling behind account {@code signed}. */
  KlingSimulator signing() {
    return signing;
  }

  List<KlingSimulator> klings() {
    return List.of(plain, signing);
  }

  WebhookSink sink() {
    return sink;
  }

  /** Forgets what earlier rows left. */
  void reset() {
    klings().forEach(KlingSimulator::reset);
    sink.clear();
  }

  @Override
  public void close() {
    sink.close();
    klings().forEach(KlingSimulator::close);
    kafka.close();
    postgres.close();
  }
}
