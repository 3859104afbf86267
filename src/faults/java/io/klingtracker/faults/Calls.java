package io.klingtracker.faults;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Well-formed requests of clients that behave. */
final class Calls implements AutoCloseable {

  static final Duration LIMIT = Duration.ofSeconds(30);
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * An answer; status 0 stands for none in time, or a broken connection.
   *
   * @param body as text
   */
  record Answer(int status, String body, long nanos) {

    boolean ok() {
      return status >= 200 && status < 300;
    }

    JsonNode json() {
      try {
        return JSON.readTree(body);
      } catch (IOException e) {
        return MissingNode.getInstance();
      }
    }
  }

  private final java.util.concurrent.ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "calls");
            thread.setDaemon(true);
            return thread;
          });
  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(LIMIT)
          .executor(threads)
          .build();

  Answer get(String url, @Nullable String key) {
    return send("GET", url, key, null, Map.of(), LIMIT);
  }

  Answer post(String url, @Nullable String key, String body) {
    return send("POST", url, key, body, Map.of(), LIMIT);
  }

  Answer send(
      String method,
      String url,
      @Nullable String key,
      @Nullable String body,
      Map<String, String> headers,
      Duration limit) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url))
            .timeout(limit)
            .method(
                method,
                body == null
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofString(body));
    if (body != null) {
      request.header("Content-Type", "application/json");
    }
    if (key != null) {
      request.header("Authorization", "Bearer " + key);
    }
    headers.forEach(request::header);
    long start = System.nanoTime();
    try {
      HttpResponse<String> answer =
          client.send(request.build(), HttpResponse.BodyHandlers.ofString());
      return new Answer(answer.statusCode(), answer.body(), System.nanoTime() - start);
    } catch (IOException e) {
      return new Answer(0, String.valueOf(e), System.nanoTime() - start);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(0, "interrupted", System.nanoTime() - start);
    }
  }

  /**
   * Reads a stream for a while.
   *
   * @return status and time of the answer's head; the body is what came of the stream
   */
  Answer stream(String url, String key, Duration time) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url))
            .timeout(LIMIT)
            .header("Authorization", "Bearer " + key)
            .header("Accept", "text/event-stream")
            .build();
    long start = System.nanoTime();
    try {
      HttpResponse<InputStream> answer =
          client.send(request, HttpResponse.BodyHandlers.ofInputStream());
      long nanos = System.nanoTime() - start;
      StringBuilder body = new StringBuilder();
      try (InputStream in = answer.body()) {
        CompletableFuture.delayedExecutor(time.toMillis(), TimeUnit.MILLISECONDS, threads)
            .execute(() -> close(in));
        byte[] buffer = new byte[8192];
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
          body.append(new String(buffer, 0, read, StandardCharsets.UTF_8));
        }
      } catch (IOException e) {
        // Closed, as it was meant to be.
        return new Answer(answer.statusCode(), body.toString(), nanos);
      }
      return new Answer(answer.statusCode(), body.toString(), nanos);
    } catch (IOException e) {
      return new Answer(0, String.valueOf(e), System.nanoTime() - start);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(0, "interrupted", System.nanoTime() - start);
    }
  }

  private static void close(InputStream in) {
    try {
      in.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
