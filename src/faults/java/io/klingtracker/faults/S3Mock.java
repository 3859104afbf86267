package io.klingtracker.faults;

import io.klingtracker.local.FreePort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/** Adobe's S3Mock as a process of its own, with one bucket. */
final class S3Mock implements AutoCloseable {

  static final String BUCKET = "results";

  private static final Path PROGRAM = Path.of("target", "s3mock", "s3mock-exec.jar");
  private static final int TRIES = 1200;

  private final int port = FreePort.find();
  private final Process process;

  S3Mock() {
    try {
      Path home = Files.createTempDirectory("field-s3-");
      process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx256m",
                  "-jar",
                  PROGRAM.toAbsolutePath().toString(),
                  "--server.port=0",
                  "--server.address=127.0.0.1",
                  "--com.adobe.testing.s3mock.httpPort=" + port,
                  "--com.adobe.testing.s3mock.store.initialBuckets=" + BUCKET,
                  "--com.adobe.testing.s3mock.store.root=" + home)
              .redirectErrorStream(true)
              .redirectOutput(home.resolve("log").toFile())
              .start();
      Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    await();
  }

  private void await() {
    for (int i = 0; i < TRIES && process.isAlive(); i++) {
      try {
        HttpURLConnection asked =
            (HttpURLConnection) endpoint().resolve("/" + BUCKET).toURL().openConnection();
        if (asked.getResponseCode() == HttpURLConnection.HTTP_OK) {
          return;
        }
      } catch (IOException notYet) {
        LockSupport.parkNanos(50_000_000);
      }
    }
    throw new IllegalStateException("S3Mock does not answer");
  }

  /** Where it listens. */
  URI endpoint() {
    return URI.create("http://127.0.0.1:" + port + "/");
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
