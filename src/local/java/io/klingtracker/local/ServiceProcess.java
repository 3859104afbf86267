package io.klingtracker.local;

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
import org.jspecify.annotations.Nullable;

/**
 * The packaged service as a process of its own, configured by environment: it can be killed at any
 * moment and started again on the same port. Linux tells through {@code /proc} what it uses.
 */
public final class ServiceProcess implements AutoCloseable {

  private static final Duration START_LIMIT = Duration.ofSeconds(240);

  /** A JVM may be set to write an AOT cache when it ends, which takes a while. */
  private static final Duration STOP_LIMIT = Duration.ofSeconds(120);

  private static final Duration CALL_LIMIT = Duration.ofSeconds(20);

  private final Map<String, String> config = new HashMap<>();
  private final int port = FreePort.find();
  private final Path log;
  private final HttpClient http = HttpClient.newHttpClient();
  private Path jar = Path.of(System.getProperty("build.jar", "target/quarkus-app/quarkus-run.jar"));
  private List<String> jvm =
      Stream.concat(
              Stream.of("-Xmx256m"), Stream.of(System.getProperty("build.jvm", "").split(" ")))
          .filter(option -> !option.isEmpty())
          .toList();
  private String java =
      System.getProperty(
          "build.java", Path.of(System.getProperty("java.home"), "bin", "java").toString());
  private @Nullable Process process;

  /** A service, not yet started, with this configuration and what its port makes of it. */
  public ServiceProcess(Map<String, String> config) {
    this.config.putAll(config);
    this.config.put("quarkus.http.port", Integer.toString(port));
    this.config.putIfAbsent("tracker.public-url", url());
    // No load balancer is in front of it that would have to notice.
    this.config.putIfAbsent("quarkus.shutdown.delay", "0S");
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

  /**
   * A further replica of the same build and configuration, on a port of its own, not yet started.
   *
   * @param changes what is configured differently
   */
  public ServiceProcess another(Map<String, String> changes) {
    Map<String, String> own = new HashMap<>(config);
    own.putAll(changes);
    own.values().removeIf(String::isEmpty);
    own.remove("tracker.public-url");
    return new ServiceProcess(own).jar(jar).jvm(jvm);
  }

  /**
   * Starts another build than the one just packaged; default is {@code -Dbuild.jar}.
   *
   * @param value its {@code quarkus-run.jar}
   */
  public ServiceProcess jar(Path value) {
    jar = value;
    return this;
  }

  /** Another JVM; default is {@code -Dbuild.java}, or that of this process. */
  public ServiceProcess java(Path value) {
    java = value.toString();
    return this;
  }

  /** Options of its JVM, the heap among them; default is 256 MiB and {@code -Dbuild.jvm}. */
  public ServiceProcess jvm(List<String> options) {
    jvm = List.copyOf(options);
    return this;
  }

  /** Starts it and waits until it is ready. */
  public ServiceProcess start() {
    launch();
    return awaitReady();
  }

  /** Waits until it is ready. */
  public ServiceProcess awaitReady() {
    long end = System.nanoTime() + START_LIMIT.toNanos();
    while (isAlive() && !isReady()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException("not ready in time:\n" + log());
      }
      pause();
    }
    if (!isAlive()) {
      throw new IllegalStateException("ended at start:\n" + log());
    }
    return this;
  }

  private static void pause() {
    try {
      Thread.sleep(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
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

  /** Starts it and does not wait. */
  public ServiceProcess launch() {
    List<String> command = new ArrayList<>(List.of(java));
    command.addAll(jvm);
    command.addAll(List.of("-jar", jar.toString()));
    ProcessBuilder builder = new ProcessBuilder(command);
    config.forEach((key, value) -> builder.environment().put(environmentName(key), value));
    builder.redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    try {
      Process started = builder.start();
      process = started;
      // A run that is killed leaves no service behind.
      Runtime.getRuntime().addShutdownHook(new Thread(started::destroyForcibly));
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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

  /** Whether it runs: not killed, not ended by itself. */
  public boolean isAlive() {
    return process().isAlive();
  }

  /** Its process id. */
  public long pid() {
    return process().pid();
  }

  /** Its process, for those who measure it. */
  public ProcessHandle handle() {
    return process().toHandle();
  }

  /** Ends it at once, as {@code kill -9} does. */
  public void kill() {
    try {
      process().destroyForcibly().waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Stops it orderly, as {@code kill} does, and by force when it does not. */
  public void stop() {
    Process stopping = process();
    stopping.destroy();
    try {
      if (!stopping.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        stopping.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Resident memory in MiB, or -1 where the system does not tell. */
  public long residentMebibytes() {
    return mebibytes("VmRSS:");
  }

  /** The same by what it is: pages of its own, and pages of files that it has touched. */
  public String memory() {
    return "%d MiB of its own, %d MiB of mapped files"
        .formatted(mebibytes("RssAnon:"), mebibytes("RssFile:"));
  }

  private long mebibytes(String name) {
    long kibibytes = status(name);
    return kibibytes < 0 ? -1 : kibibytes / 1024;
  }

  /** Its threads, or -1 where the system does not tell. */
  public long threads() {
    return status("Threads:");
  }

  private long status(String name) {
    try {
      return Files.readAllLines(Path.of("/proc/" + process().pid() + "/status")).stream()
          .filter(line -> line.startsWith(name))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElse(-1);
    } catch (IOException e) {
      return -1;
    }
  }

  /** Its open files, connections among them, or -1 where the system does not tell. */
  public long openFiles() {
    try (Stream<Path> files = Files.list(Path.of("/proc/" + process().pid() + "/fd"))) {
      return files.count();
    } catch (IOException | UncheckedIOException e) {
      return -1;
    }
  }

  /** The port it listens on. */
  public int port() {
    return port;
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

  /** Stops it and forgets its log. */
  @Override
  public void close() {
    if (process != null) {
      stop();
    }
    try {
      Files.deleteIfExists(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
