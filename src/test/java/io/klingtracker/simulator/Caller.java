package io.klingtracker.simulator;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** A client of the simulated Kling, as plain as can be. */
final class Caller {

  static final String ACCESS_KEY = "access";
  static final String SECRET_KEY = "secret-0123456789abcdef0123456789";
  static final String API_KEY = "kling-api-key";

  private final HttpClient http = HttpClient.newHttpClient();
  private final KlingSimulator simulator;
  private @Nullable String authorization = "Bearer " + API_KEY;

  Caller(KlingSimulator simulator) {
    this.simulator = simulator;
  }

  static SimulatorSettings settings() {
    return new SimulatorSettings()
        .account("main", ACCESS_KEY, SECRET_KEY)
        .apiKey("main", API_KEY)
        .renderTimes(Duration.ofHours(1), Duration.ofHours(2));
  }

  /** From now on calls with this header, or none. */
  Caller with(@Nullable String header) {
    authorization = header;
    return this;
  }

  Caller withToken(String accessKey, String secretKey, long notBefore, long expires) {
    String head = encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    String claims =
        encode("{\"iss\":\"" + accessKey + "\",\"exp\":" + expires + ",\"nbf\":" + notBefore + "}");
    byte[] signature =
        Signature.hmac(secretKey.getBytes(StandardCharsets.UTF_8), head + "." + claims);
    return with(
        "Bearer "
            + head
            + "."
            + claims
            + "."
            + Base64.getUrlEncoder().withoutPadding().encodeToString(signature));
  }

  private static String encode(String json) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(json.getBytes(StandardCharsets.UTF_8));
  }

  HttpResponse<String> post(String path, String body) throws IOException {
    return send(request(path).POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  HttpResponse<String> get(String path) throws IOException {
    return send(request(path).GET());
  }

  HttpRequest.Builder request(String path) {
    String url = path.startsWith("http") ? path : simulator.url() + path;
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(10));
    if (authorization != null) {
      request.header("Authorization", authorization);
    }
    return request;
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws IOException {
    try {
      return http.send(
          request.build(), HttpResponse.BodyHandlers.ofString(StandardCharsets.ISO_8859_1));
    } catch (InterruptedException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }
}
