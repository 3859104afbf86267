package io.klingtracker.testing;

import io.klingtracker.local.FreePort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/**
 * The packaged service as a process of its own, configured by environment: it can be killed at any
 * moment and started again on the same port.
 */
public final class ServiceProcess implements AutoCloseable {

  private static final Duration START_LIMIT = Duration.ofSeconds(90);

  /** A JVM may be told to write an AOT cache when it ends, which takes a while. */
  private static final Duration STOP_LIMIT = Duration.ofSeconds(120);

  private static final Duration CALL_LIMIT = Duration.ofSeconds(20);

  private final Map<String, String> config = new HashMap<>();
  private final int port = FreePort.find();
  private final Path log;
  private final HttpClient http = HttpClient.newHttpClient();
  private @Nullable Process process;

  /** A service, not yet started, with this configuration and what its port makes of it. */
  public ServiceProcess(Map<String, String> config) {
    this.config.putAll(config);
    this.config.put("quarkus.http.port", Integer.toString(port));
    this.config.putIfAbsent("tracker.public-url", url());
    try {
      this.log = Files.createTempFile("service", ".log");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Changes the configuration of the next start; null takes a key away. */
  public ServiceProcess with(String key, @Nullable String value) {
    if (value == null) {
      config.remove(key);
    } else {
      config.put(key, value);
    }
    return this;
  }

  /** Starts it and waits until it is ready. */
  public ServiceProcess start() {
    launch();
    try {
      Awaitility.await()
          .atMost(START_LIMIT)
          .pollInterval(Duration.ofMillis(100))
          .until(() -> !process().isAlive() || isReady());
    } catch (org.awaitility.core.ConditionTimeoutException e) {
      throw new IllegalStateException("not ready in time:\n" + log(), e);
    }
    if (!process().isAlive()) {
      throw new IllegalStateException("ended at start:\n" + log());
    }
    return this;
  }

  /** Starts it and waits until it ends by itself; for configurations that do not work. */
  public int startAndEnd() {
    launch();
    try {
      if (!process().waitFor(START_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        throw new IllegalStateException("still running:\n" + log());
      }
      return process().exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private void launch() {
    String jar = System.getProperty("tracker.jar", "target/quarkus-app/quarkus-run.jar");
    List<String> command = new ArrayList<>(List.of(java(), "-Xmx256m"));
    Stream.of(System.getProperty("tracker.jvm", "").split(" "))
        .filter(option -> !option.isEmpty())
        .forEach(command::add);
    command.addAll(List.of("-jar", jar));
    ProcessBuilder builder = new ProcessBuilder(command);
    config.forEach((key, value) -> builder.environment().put(environmentName(key), value));
    builder.redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The JDK of the tests, or the one that {@code -Dtracker.java} names; {@code -Dtracker.jvm} gives
   * it options.
   */
  private static String java() {
    String own = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return System.getProperty("tracker.java", own);
  }

  /** How a key is spelled in the environment. */
  public static String environmentName(String key) {
    return key.replaceAll("[^a-zA-Z0-9]", "_").toUpperCase(Locale.ROOT);
  }

  private boolean isReady() {
    try {
      return get("/q/health/ready", null).statusCode() == 200;
    } catch (UncheckedIOException notYet) {
      return false;
    }
  }

  private Process process() {
    Process started = process;
    if (started == null) {
      throw new IllegalStateException("not started");
    }
    return started;
  }

  /** Ends it at once, as {@code kill -9} does. */
  public void kill() {
    try {
      process().destroyForcibly().waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Resident memory in MiB, or -1 where the system does not tell. */
  public long residentMebibytes() {
    try {
      return Files.readAllLines(Path.of("/proc/" + process().pid() + "/status")).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024)
          .findFirst()
          .orElse(-1);
    } catch (IOException e) {
      return -1;
    }
  }

  /** Base URL. */
  public String url() {
    return "http://localhost:" + port;
  }

  /** All that it has printed, over all its starts. */
  public String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** GETs a path with a bearer token, or none. */
  public HttpResponse<String> get(String path, @Nullable String token) {
    return send(request(path, token).GET());
  }

  /** POSTs JSON with a bearer token. */
  public HttpResponse<String> post(String path, String token, String body) {
    return send(
        request(path, token)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  private HttpRequest.Builder request(String path, @Nullable String token) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url() + path)).timeout(CALL_LIMIT);
    return token == null ? request : request.header("Authorization", "Bearer " + token);
  }

  private HttpResponse<String> send(HttpRequest.Builder request) {
    try {
      return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Stops it orderly, and by force when it does not. */
  @Override
  public void close() {
    Process stopping = process;
    if (stopping == null) {
      return;
    }
    stopping.destroy();
    try {
      if (!stopping.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        stopping.destroyForcibly().waitFor();
      }
      Files.deleteIfExists(log);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
