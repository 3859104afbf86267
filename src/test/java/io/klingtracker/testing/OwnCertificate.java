package io.klingtracker.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A certificate that nobody vouches for but itself, in a PKCS #12 store. */
public final class OwnCertificate {

  /** Of the store. */
  public static final String PASSWORD = "changeit";

  private static final long LIMIT_SECONDS = 30;

  private OwnCertificate() {}

  /** Makes one for a host; the store's path. */
  public static Path of(String host, Path directory) {
    Path store = directory.resolve(host + ".p12");
    try {
      Process keytool =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                  "-genkeypair",
                  "-alias",
                  "receiver",
                  "-keyalg",
                  "EC",
                  "-storetype",
                  "PKCS12",
                  "-keystore",
                  store.toString(),
                  "-storepass",
                  PASSWORD,
                  "-validity",
                  "2",
                  "-dname",
                  "CN=" + host,
                  "-ext",
                  "SAN=dns:" + host)
              .redirectErrorStream(true)
              .start();
      if (!keytool.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS) || keytool.exitValue() != 0) {
        throw new IllegalStateException("keytool made no certificate");
      }
      return store;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
