package io.klingtracker.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.secret.Hashes;
import io.klingtracker.simulator.Ledger;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One build of the service, driven over HTTP alone and with the settings of the contract, so that
 * another build of it, with another schema, can be measured beside. Its database is its own and
 * begins empty; its tasks are made by submissions, and dispatched to the simulated Kling.
 */
final class BuildSide implements AutoCloseable {

  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final Duration LOAD = Duration.ofMinutes(5);
  private static final String TOPIC = "kling.task.events";
  private static final int CONNECTIONS = 32;

  /** The most that may be configured; those whose callbacks are not signed keep theirs. */
  private static final String SLOTS = "10000";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] SIGNING =
      Base64.getDecoder().decode(Service.WEBHOOK_SECRET.substring("whsec_".length()));

  private final Bench bench;
  private final Database database;
  private final Service service;
  private final Meter meter;
  private final EventTap tap;
  private final HttpClient http = HttpClient.newHttpClient();
  private final String key;
  private final byte[] submission;
  private List<Ledger.Create> signed = List.of();
  private List<Ledger.Create> open = List.of();

  BuildSide(Bench bench, String name, Path jar) {
    this.bench = bench;
    this.database = bench.stack().empty("cost_" + name);
    Map<String, String> settings = Service.contract(bench.stack(), database);
    String second = "kling.accounts." + Stack.OPEN_ACCOUNT + ".";
    settings.put(second + "base-url", bench.stack().kling().url());
    settings.put(second + "api-key", Stack.OPEN_KEY);
    settings.put(second + "max-parallel", SLOTS);
    settings.put("kling.accounts.default.max-parallel", SLOTS);
    this.service = new Service(bench.options(), settings, jar, List.of()).awaitReady();
    this.meter = new Meter(bench, service);
    this.tap = bench.tap(TOPIC, false);
    admin("/admin/v1/tenants", "{\"id\":\"cost\",\"name\":\"Cost\"}");
    this.key =
        admin(
                "/admin/v1/tenants/cost/keys",
                "{\"name\":\"bench\",\"scopes\":[\"submit\",\"read\"]}")
            .path("api_key")
            .asText();
    this.submission =
        Http.post(
            "/kling/v1/videos/text2video",
            Map.of("Authorization", "Bearer " + key),
            "{\"model_name\":\"kling-v3\",\"prompt\":\"A red kite over the sea\",\"duration\":\"5\"}"
                .getBytes(StandardCharsets.UTF_8));
    pause("default");
    pause(Stack.OPEN_ACCOUNT);
  }

  /** So many submissions that stay in the queue, with their events on Kafka. */
  Cost submit(int tasks) {
    return counted(repeated(submission, tasks), tasks);
  }

  /** Brings what is queued to Kling, on the account whose callbacks are signed. */
  Cost dispatchSigned(int tasks) {
    Meter.Reading before = meter.read();
    signed = dispatch("default", tasks);
    return meter.since(before, tasks);
  }

  /** The same on the account whose callbacks are not. */
  Cost dispatchOpen(int tasks) {
    Meter.Reading before = meter.read();
    open = dispatch(Stack.OPEN_ACCOUNT, tasks);
    return meter.since(before, tasks);
  }

  private List<Ledger.Create> dispatch(String account, int tasks) {
    int before = creates().size();
    long seen = tap.seen();
    resume(account);
    if (!Database.await(
        LIMIT, () -> creates().size() >= before + tasks && tap.seen() >= seen + tasks)) {
      throw new IllegalStateException(
          "of %d tasks %d were dispatched".formatted(tasks, creates().size() - before));
    }
    pause(account);
    List<Ledger.Create> all = creates();
    return all.subList(before, before + tasks);
  }

  /** Of this side: a callback's URL begins with its address. */
  private List<Ledger.Create> creates() {
    String ours = "http://localhost:" + service.port() + "/";
    return bench
        .stack()
        .kling()
        .ledger()
        .creates(create -> String.valueOf(create.callbackUrl()).startsWith(ours));
  }

  /** A signed callback that says processing, then one that says succeed, for each task. */
  Cost signedCallbacks() {
    List<byte[]> requests = new ArrayList<>();
    for (String status : List.of("processing", "succeed")) {
      signed.forEach(create -> requests.add(callback(create, status, true)));
    }
    return counted(requests, requests.size());
  }

  /** An unsigned callback that says processing. */
  Cost unsignedCallbacks() {
    List<byte[]> requests =
        open.stream().map(create -> callback(create, "processing", false)).toList();
    return counted(requests, requests.size());
  }

  /** One status after the other of tasks that run, or that have ended. */
  Cost get(boolean ended, int requests) {
    List<Ledger.Create> tasks = ended ? signed : open;
    Map<String, String> headers = Map.of("Authorization", "Bearer " + key);
    List<byte[]> all = new ArrayList<>();
    for (int i = 0; i < requests; i++) {
      all.add(Http.get("/v1/tasks/" + tasks.get(i % tasks.size()).externalId(), headers));
    }
    return counted(all, 0);
  }

  Cost bare(int requests) {
    return counted(repeated(Http.get("/q/health/live", Map.of()), requests), 0);
  }

  /** Sends them, and waits for so many events. */
  private Cost counted(List<byte[]> requests, int events) {
    int[] next = {0};
    long seen = tap.seen();
    Meter.Reading before = meter.read();
    Load load =
        Loader.closed(
                service.port(),
                CONNECTIONS,
                () -> next[0] < requests.size() ? requests.get(next[0]++) : null,
                LOAD)
            .clean("requests");
    Database.await(LIMIT, () -> tap.seen() >= seen + events);
    Cost cost = meter.since(before, load.good());
    if (tap.seen() < seen + events) {
      bench.report().note("Of %d changes %d were published.".formatted(events, tap.seen() - seen));
    }
    return cost;
  }

  private static List<byte[]> repeated(byte[] request, int times) {
    return new ArrayList<>(java.util.Collections.nCopies(times, request));
  }

  private byte[] callback(Ledger.Create create, String status, boolean sign) {
    boolean ended = status.equals("succeed");
    String videos =
        ended
            ? "{\"id\":\"9%s\",\"url\":\"https://cdn.klingai.com/%s.mp4\",\"duration\":\"5.042\"}"
                .formatted(create.taskId(), create.taskId())
            : "";
    byte[] body =
        ("""
        {"task_id":"%s","task_status":"%s","task_info":{"external_task_id":"%s"},\
        "task_result":{"images":[],"videos":[%s],"audios":[]},"task_status_msg":"",\
        "created_at":1795373427283,"updated_at":1795373433605%s}"""
                .formatted(
                    create.taskId(),
                    status,
                    create.externalId(),
                    videos,
                    ended ? ",\"final_unit_deduction\":\"3\"" : ""))
            .getBytes(StandardCharsets.UTF_8);
    Map<String, String> headers = new HashMap<>();
    if (sign) {
      String id = "msg_" + create.taskId() + status;
      String time = Long.toString(Instant.now().getEpochSecond());
      byte[] head = (id + "." + time + ".").getBytes(StandardCharsets.UTF_8);
      byte[] whole = new byte[head.length + body.length];
      System.arraycopy(head, 0, whole, 0, head.length);
      System.arraycopy(body, 0, whole, head.length, body.length);
      headers.put("webhook-id", id);
      headers.put("webhook-timestamp", time);
      headers.put(
          "webhook-signature",
          "v1," + Base64.getEncoder().encodeToString(Hashes.hmacSha256(SIGNING, whole)));
    }
    return Http.post(URI.create(String.valueOf(create.callbackUrl())).getPath(), headers, body);
  }

  private void pause(String account) {
    admin("/admin/v1/accounts/" + account + "/pause", "");
  }

  private void resume(String account) {
    admin("/admin/v1/accounts/" + account + "/resume", "");
  }

  private JsonNode admin(String path, String body) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://localhost:" + service.port() + path))
            .header("Authorization", "Bearer " + Service.ADMIN_KEY)
            .header("Content-Type", "application/json")
            .timeout(LIMIT)
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    try {
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() >= 300) {
        throw new IllegalStateException(path + ": " + answer.statusCode() + " " + answer.body());
      }
      return JSON.readTree(answer.body());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(path + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    tap.close();
    service.close();
    bench.stack().drop(database);
  }
}
