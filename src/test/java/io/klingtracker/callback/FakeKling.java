package io.klingtracker.callback;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingReader;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.PassthroughAnswer;
import io.klingtracker.kling.QueryAnswer;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A Kling in memory that knows the truth, speaks in every dialect, and is away now and then. */
final class FakeKling implements KlingClient {

  private static final ObjectMapper JSON = new ObjectMapper();

  final Map<String, Truth> byId = new LinkedHashMap<>();
  private final Map<String, Truth> byExternalId = new LinkedHashMap<>();
  private final Random random;
  private final Clock clock;
  private final boolean takesIds;
  double awayShare;

  /** Fails in a way that nobody foresaw. */
  boolean breaks;

  int calls;

  /** How often each id was asked for by itself or in a question about several. */
  final Map<String, Integer> asked = new ConcurrentHashMap<>();

  FakeKling(Random random, Clock clock, boolean takesIds) {
    this.random = random;
    this.clock = clock;
    this.takesIds = takesIds;
  }

  /** One task at Kling: what it is now. */
  final class Truth {
    final String id;
    final String externalId;
    final long createdAt = clock.millis();
    String status = "submitted";
    long updatedAt = createdAt;

    Truth(String id, String externalId) {
      this.id = id;
      this.externalId = externalId;
    }

    void becomes(String next) {
      status = next;
      updatedAt = clock.millis();
    }

    boolean ended() {
      return status.equals("succeed") || status.equals("failed");
    }
  }

  Truth accept(String id, String externalId) {
    Truth truth = new Truth(id, externalId);
    byId.put(id, truth);
    byExternalId.put(externalId, truth);
    return truth;
  }

  /** A callback's body that reports this status, in any dialect. */
  String body(Truth truth, String status, int dialect) {
    boolean newer = dialect % 2 == 1;
    ObjectNode body = newer ? newer(truth, status) : legacy(truth, status);
    if (dialect >= 4) {
      body.put("unknown_key", 1.50);
    }
    if (dialect % 4 >= 2) {
      ObjectNode envelope = JSON.createObjectNode().put("code", 0).put("message", "SUCCEED");
      envelope.set("data", body);
      body = envelope;
    }
    return body.toString();
  }

  private ObjectNode legacy(Truth truth, String status) {
    ObjectNode body = JSON.createObjectNode();
    body.put("task_id", truth.id).put("task_status", status);
    body.putObject("task_info").put("external_task_id", truth.externalId);
    ObjectNode result = body.putObject("task_result");
    result.putArray("images");
    ArrayNode videos = result.putArray("videos");
    if (status.equals("succeed")) {
      videos
          .addObject()
          .put("id", truth.id + "1")
          .put("url", "https://v15.klingai.com/" + truth.id);
    }
    body.put("task_status_msg", status.equals("failed") ? "Image pixel is invalid" : "");
    body.put("created_at", truth.createdAt).put("updated_at", truth.updatedAt / 1000);
    return body;
  }

  private ObjectNode newer(Truth truth, String status) {
    ObjectNode body = JSON.createObjectNode();
    body.put("id", truth.id).put("status", status.equals("succeed") ? "succeeded" : status);
    ArrayNode outputs = body.putArray("outputs");
    if (status.equals("succeed")) {
      outputs.addObject().put("type", "video").put("url", "https://v15.klingai.com/" + truth.id);
    }
    body.put("message", status.equals("failed") ? "Image pixel is invalid" : "");
    body.put("create_time", truth.createdAt).put("update_time", truth.updatedAt);
    body.put("external_id", truth.externalId);
    return body;
  }

  private KlingNews say(Truth truth) {
    try {
      String body = body(truth, truth.status, random.nextInt(8));
      return KlingReader.task(JSON.readTree(body)).orElseThrow();
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }

  private synchronized boolean away() {
    calls++;
    if (breaks) {
      throw new IllegalStateException("broken");
    }
    return random.nextDouble() < awayShare;
  }

  @Override
  public CompletionStage<QueryAnswer> query(String account, String path) {
    if (away()) {
      return CompletableFuture.completedFuture(new QueryAnswer.NoAnswer("away"));
    }
    String id = path.substring(Math.max(path.lastIndexOf('/'), path.lastIndexOf('=')) + 1);
    asked.merge(id, 1, Integer::sum);
    Truth truth = byId.getOrDefault(id, byExternalId.get(id));
    return CompletableFuture.completedFuture(
        truth == null
            ? new QueryAnswer.NotFound("Task not found by id/external id: " + id)
            : new QueryAnswer.Found(say(truth)));
  }

  @Override
  public CompletionStage<ListAnswer> page(String account, String path, int page) {
    if (away()) {
      return CompletableFuture.completedFuture(new ListAnswer.NoAnswer("away"));
    }
    List<Truth> all = new ArrayList<>(byId.values());
    java.util.Collections.reverse(all);
    int from = Math.min(all.size(), (page - 1) * PAGE);
    return list(all.subList(from, Math.min(all.size(), from + PAGE)));
  }

  @Override
  public CompletionStage<ListAnswer> created(
      String account, Instant from, Instant to, @Nullable String after) {
    if (away()) {
      return CompletableFuture.completedFuture(new ListAnswer.NoAnswer("away"));
    }
    List<Truth> all =
        byId.values().stream()
            .filter(t -> t.createdAt >= from.toEpochMilli() && t.createdAt <= to.toEpochMilli())
            .toList();
    int begin = after == null ? 0 : Integer.parseInt(after);
    int end = Math.min(all.size(), begin + PAGE);
    return CompletableFuture.completedFuture(
        new ListAnswer.Found(
            all.subList(Math.min(begin, end), end).stream().map(this::say).toList(),
            end < all.size() ? Integer.toString(end) : null));
  }

  @Override
  public CompletionStage<ListAnswer> tasks(String account, Collection<String> ids) {
    return known(ids, byId);
  }

  @Override
  public CompletionStage<ListAnswer> tasksByExternalId(String account, Collection<String> ids) {
    return known(ids, byExternalId);
  }

  private CompletionStage<ListAnswer> known(Collection<String> ids, Map<String, Truth> tasks) {
    if (away()) {
      return CompletableFuture.completedFuture(new ListAnswer.NoAnswer("away"));
    }
    if (ids.size() > MAX_IDS) {
      throw new AssertionError(ids.size() + " ids in one question");
    }
    ids.forEach(id -> asked.merge(id, 1, Integer::sum));
    return list(ids.stream().filter(tasks::containsKey).map(tasks::get).toList());
  }

  private CompletionStage<ListAnswer> list(List<Truth> truths) {
    return CompletableFuture.completedFuture(
        new ListAnswer.Found(truths.stream().map(this::say).toList()));
  }

  @Override
  public boolean takesIds(String account) {
    return takesIds;
  }

  @Override
  public CompletionStage<CreateAnswer> create(
      String account, String path, String body, Instant notAfter) {
    throw new UnsupportedOperationException();
  }

  @Override
  public CompletionStage<PassthroughAnswer> forward(String account, String path, String body) {
    throw new UnsupportedOperationException();
  }
}
