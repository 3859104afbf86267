package io.klingtracker.faults;

import io.klingtracker.local.FreePort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A listener of the broker that wants a password over TLS, and what a client needs for it. */
final class SecuredKafka {

  private static final String STORE_PASSWORD = "faults-store";
  private static final String LOGIN =
      "org.apache.kafka.common.security.plain.PlainLoginModule required ";
  private static final String PASSWORD = "faults-kafka-password";

  private final String address = "localhost:" + FreePort.find();
  private final Path store;

  SecuredKafka() {
    try {
      store = Files.createTempDirectory("faults-tls").resolve("localhost.p12");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    DebianPostgres.run(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
            "-genkeypair",
            "-alias",
            "kafka",
            "-keyalg",
            "EC",
            "-storetype",
            "PKCS12",
            "-keystore",
            store.toString(),
            "-storepass",
            STORE_PASSWORD,
            "-validity",
            "2",
            "-dname",
            "CN=localhost",
            "-ext",
            "SAN=dns:localhost"));
  }

  /** For the broker, over its own. */
  Map<String, String> broker() {
    String secured = "listener.name.secured.";
    return Map.of(
        "listeners",
        "SECURED://" + address,
        "advertised.listeners",
        "SECURED://" + address,
        "listener.security.protocol.map",
        "SECURED:SASL_SSL",
        secured + "sasl.enabled.mechanisms",
        "PLAIN",
        secured + "plain.sasl.jaas.config",
        LOGIN + "user_tracker=\"" + PASSWORD + "\";",
        secured + "ssl.keystore.location",
        store.toString(),
        secured + "ssl.keystore.type",
        "PKCS12",
        secured + "ssl.keystore.password",
        STORE_PASSWORD);
  }

  /**
   * For the service, as the documentation names them.
   *
   * @param right whether its password is the right one
   */
  Map<String, String> service(boolean right) {
    return Map.of(
        "kafka.bootstrap.servers",
        address,
        "kafka.security.protocol",
        "SASL_SSL",
        "kafka.sasl.mechanism",
        "PLAIN",
        "kafka.sasl.jaas.config",
        LOGIN + "username=\"tracker\" password=\"" + (right ? PASSWORD : "wrong") + "\";",
        "kafka.ssl.truststore.location",
        store.toString(),
        "kafka.ssl.truststore.type",
        "PKCS12",
        "kafka.ssl.truststore.password",
        STORE_PASSWORD);
  }
}
