package io.klingtracker.api;

import static io.restassured.RestAssured.given;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Every route of the service's own OpenAPI document, with hostile values in every parameter of its
 * path and query, in its headers and in every field of its body: no byte makes a 500, and each
 * refusal has its front's shape. What is tried is drawn by a seed, which is printed; {@code
 * -Dhostile.share=1} tries everything, {@code -Dhostile.seed} the same again.
 */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class HostileInputTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Of all combinations that there are. */
  private static final double SHARE =
      Double.parseDouble(System.getProperty("hostile.share", "0.01"));

  private static final int MAX_FAULTS = 60;
  private static final String LONG = "x".repeat(100_000);

  /** Texts, before they are encoded for the place where they are. */
  private static final List<String> TEXTS =
      List.of(
          "\u0000",
          "a\u0000b",
          "",
          " ",
          "x".repeat(2_000),
          LONG,
          "1e999999",
          "-1",
          "0",
          "1.5",
          "NaN",
          "\u0663",
          "9999999999999999999",
          "2147483648",
          "+999999999-01-01T00:00:00Z",
          "+999999999-12-31T23:59:59-18:00",
          "-0001-01-01T00:00:00Z",
          "2026-02-30",
          "99999-01-01",
          "\uD83D\uDE00",
          "\u202Eabc",
          "'",
          "\"",
          "\\",
          "%",
          "..",
          "/",
          ";a=b",
          "null",
          "true",
          "x.y",
          "00000000-0000-0000-0000-000000000000",
          "1-1-1-1-1",
          "task_",
          "a,b,,c",
          "\u0001",
          "\u007F",
          "\uFFFF",
          "{}",
          "[]",
          "callback:9999999999999999999",
          "callback:x",
          "event:a\u0000b",
          "x:");

  /** As they are in a target, badly encoded. */
  private static final List<String> RAW =
      List.of("%00", "%zz", "%", "%ED%A0%80", "%C0%80", "%FF", "a%00b", "+");

  /** As they are in a body, in place of a value. */
  private static final List<String> VALUES =
      List.of(
          "\"\\u0000\"",
          "\"a\\u0000b\"",
          "\"\\ud800\"",
          "\"\\ude00\"",
          "\"" + LONG + "\"",
          "\"\"",
          "\" \"",
          "1e999999",
          "1E-999999",
          "1e99999999999",
          "-1",
          "-0.0",
          "1.5",
          "9999999999999999999",
          "9".repeat(1_500),
          "0.000000000001",
          "1e15",
          "true",
          "null",
          "[]",
          "{}",
          "[null]",
          "[1]",
          "[\"\\u0000\"]",
          "[\"\\ud800\"]",
          "[{}]",
          "{\"\\u0000\":\"x\"}",
          "{\"x\":\"\\u0000\"}",
          "{\"x\":\"\\ud800\"}",
          "{\"" + "k".repeat(9_000) + "\":\"x\"}",
          "[".repeat(200) + "]".repeat(200),
          "\"+999999999-01-01T00:00:00Z\"",
          "\"+999999999-12-31T23:59:59-18:00\"",
          "\"-0001-01-01T00:00:00Z\"",
          "\"2026-02-30\"",
          "\"\uD83D\uDE00\"",
          "\"\u202Eabc\"",
          "\"'\"",
          "\"\\\"\"",
          "\"\\\\\"",
          "\"\uFFFF\"",
          "NaN",
          "\"http://127.0.0.1:9/\\u0000\"",
          "\"" + "y".repeat(300) + "\"");

  private static final List<String> BODIES =
      List.of(
          "",
          " ",
          "null",
          "[]",
          "1",
          "\"x\"",
          "{",
          "{}",
          "{} {}",
          "{\"a\":1,\"a\":2}",
          "\u0000",
          "{\"a\":\u0000}",
          "\uFEFF{}",
          "[".repeat(100_000),
          "{\"a\":" + "9".repeat(5_000) + "}",
          "NaN");

  private static final List<String> HEADERS =
      List.of(
          "Idempotency-Key",
          "Prefer",
          "Tracker-Priority",
          "Tracker-Deadline",
          "Tracker-Dry-Run",
          "Tracker-Metadata",
          "Tracker-Webhook-Events",
          "Last-Event-ID",
          "If-None-Match",
          "traceparent",
          "tracestate",
          "baggage",
          "Accept",
          "Content-Type",
          "Accept-Language",
          "X-Forwarded-For",
          "Range");

  /** What makes a request of these fields sound enough to come to the checks behind the first. */
  private static final Map<String, String> SOUND =
      Map.ofEntries(
          Map.entry("kind", "\"text2video\""),
          Map.entry("url", "\"http://127.0.0.1:9/x\""),
          Map.entry("since", "\"2026-01-01T00:00:00Z\""),
          Map.entry("until", "\"2026-01-02T00:00:00Z\""),
          Map.entry("from", "\"2026-01-01T00:00:00Z\""),
          Map.entry("to", "\"2026-01-02T00:00:00Z\""),
          Map.entry("expires_at", "\"2099-01-01T00:00:00Z\""),
          Map.entry("scopes", "[\"read\"]"),
          Map.entry("ids", "[\"x\"]"),
          Map.entry("models", "{\"a\":\"b\"}"),
          Map.entry("confirm", "false"),
          Map.entry("suspended", "false"),
          Map.entry("model_name", "\"kling-v3\""),
          Map.entry("weight", "1"));

  @TestHTTPResource URI base;

  private final long seed = Long.getLong("hostile.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final List<String> faults = new ArrayList<>();
  private RawClient client;
  private TestTenant tenant;

  /** Whose settings are changed: the caller's own must let its requests through. */
  private TestTenant changed;

  private String task;
  private int sent;
  private final Set<String> seen = new java.util.HashSet<>();

  @BeforeEach
  void a_tenant_with_a_task() {
    client = new RawClient(base);
    TrackerStack.simulator().clearFaults();
    tenant =
        TestTenant.create(
            "{\"name\":\"hostile\"}", "{\"name\":\"hostile\",\"rate\":100000,\"burst\":100000}");
    changed = TestTenant.erasing();
    task = tenant.submit("hostile-" + UUID.randomUUID());
  }

  @Test
  void no_value_of_any_parameter_or_field_makes_a_500() throws IOException {
    long began = System.nanoTime();
    JsonNode document = JSON.readTree(given().get("/q/openapi?format=json").asByteArray());
    Map<String, Integer> places = new TreeMap<>();
    for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
      for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
        String method = operation.getKey().toUpperCase(Locale.ROOT);
        if (Set.of("GET", "PUT", "POST", "DELETE", "PATCH").contains(method)) {
          JsonNode shared = path.getValue().path("parameters");
          places.put(
              method + " " + path.getKey(),
              attack(document, method, path.getKey(), operation.getValue(), shared));
        }
      }
    }
    System.out.printf(
        Locale.ROOT,
        "hostile input: seed %d, %d routes, %d places, %d requests, %d ms%n",
        seed,
        places.size(),
        places.values().stream().mapToInt(n -> n).sum(),
        sent,
        (System.nanoTime() - began) / 1_000_000);
    assertTrue(places.size() > 60, "routes: " + places.keySet());
    assertEquals(List.of(), faults, "seed " + seed);
  }

  /** All places of a route; how many there are. */
  private int attack(
      JsonNode document, String method, String path, JsonNode operation, JsonNode shared)
      throws IOException {
    int places = 0;
    List<String> query = new ArrayList<>();
    for (JsonNode list : List.of(operation.path("parameters"), shared)) {
      for (JsonNode parameter : list) {
        JsonNode resolved = resolve(document, parameter);
        if (resolved.path("in").asText().equals("query")) {
          query.add(resolved.path("name").asText());
        }
      }
    }
    byte[] none = new byte[0];
    JsonNode schema = bodySchema(document, operation);
    boolean takesBody = method.equals("POST") || method.equals("PUT") || method.equals("PATCH");
    byte[] sound = takesBody ? bytes(body(document, schema, "", "")) : none;
    String target = sound(path);

    for (int at = path.indexOf('{'); at >= 0; at = path.indexOf('{', at + 1)) {
      String name = path.substring(at, path.indexOf('}', at) + 1);
      places++;
      for (String value : drawn(encodedAndRaw())) {
        send(
            method, sound(path.replace(name, "\u0000")).replace("\u0000", value), List.of(), sound);
      }
    }
    query.add("_" + random.nextInt(9));
    for (String name : query) {
      places++;
      for (String value : drawn(encodedAndRaw())) {
        send(method, target + "?" + name + "=" + value, List.of(), sound);
      }
    }
    for (String name : HEADERS) {
      places++;
      for (String value : drawn(TEXTS)) {
        if (value.length() < 10_000) {
          send(method, target, List.of(name + ": " + latin(value)), sound);
        }
      }
    }
    if (takesBody) {
      places++;
      for (String body : drawn(BODIES)) {
        send(method, target, List.of(), bytes(body));
      }
      send(method, target, List.of(), new byte[] {'{', '"', (byte) 0xED, (byte) 0xA0, (byte) 0x80});
      for (String field : fields(schema)) {
        places++;
        for (String value : drawn(VALUES)) {
          send(method, target, List.of(), bytes(body(document, schema, field, value)));
        }
      }
    }
    return places;
  }

  private List<String> drawn(List<String> all) {
    return all.stream().filter(value -> random.nextDouble() < SHARE).collect(Collectors.toList());
  }

  private static List<String> encodedAndRaw() {
    List<String> values = new ArrayList<>(RAW);
    TEXTS.forEach(text -> values.add(URLEncoder.encode(text, StandardCharsets.UTF_8)));
    return values;
  }

  private static String latin(String value) {
    return new String(value.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1)
        .replace("\r", "")
        .replace("\n", "");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** The path with something in its parameters that is there, where that does no harm. */
  private String sound(String path) {
    return path.replace("{tenant}", changed.id())
        .replace("{task_id}", task)
        .replace("{kind}", "text-to-video")
        .replace("{model}", "kling-3.0")
        .replace("{host}", "127.0.0.1:9")
        .replace("{id}", path.startsWith("/admin") ? UUID.randomUUID().toString() : task)
        .replaceAll("\\{[^}]*}", "x");
  }

  private static JsonNode bodySchema(JsonNode document, JsonNode operation) {
    JsonNode content = resolve(document, operation.path("requestBody")).path("content");
    JsonNode schema = content.path("application/json").path("schema");
    return resolve(
        document,
        schema.isMissingNode() && content.size() > 0
            ? content.elements().next().path("schema")
            : schema);
  }

  private static JsonNode resolve(JsonNode document, JsonNode node) {
    JsonNode resolved = node;
    for (int depth = 0; depth < 8; depth++) {
      String ref = resolved.path("$ref").asText("");
      if (ref.isEmpty()) {
        break;
      }
      resolved = document.at(ref.substring(1));
    }
    for (String combined : List.of("allOf", "anyOf", "oneOf")) {
      for (JsonNode part : resolved.path(combined)) {
        JsonNode inner = resolve(document, part);
        if (inner.has("properties")) {
          return inner;
        }
      }
    }
    return resolved;
  }

  private static List<String> fields(JsonNode schema) {
    List<String> fields = new ArrayList<>();
    schema.path("properties").fieldNames().forEachRemaining(fields::add);
    return fields;
  }

  /** A body in which every field is sound but one. */
  private static String body(JsonNode document, JsonNode schema, String field, String value) {
    List<String> members = new ArrayList<>();
    for (Map.Entry<String, JsonNode> property : schema.path("properties").properties()) {
      String name = property.getKey();
      JsonNode type = resolve(document, property.getValue());
      String sound = SOUND.getOrDefault(name, sound(type));
      members.add("\"" + name + "\":" + (name.equals(field) ? value : sound));
    }
    return "{" + String.join(",", members) + "}";
  }

  private static String sound(JsonNode type) {
    if (type.path("enum").size() > 0) {
      return type.path("enum").get(0).toString();
    }
    String types = type.path("type").toString();
    if (types.contains("string")) {
      return "\"x\"";
    }
    if (types.contains("integer") || types.contains("number")) {
      return "1000";
    }
    if (types.contains("boolean")) {
      return "false";
    }
    return types.contains("array") ? "[]" : types.contains("object") ? "{}" : "null";
  }

  private void send(String method, String target, List<String> more, byte[] body)
      throws IOException {
    sent++;
    List<String> headers = new ArrayList<>();
    boolean admin = target.startsWith("/admin");
    if (!target.startsWith("/callbacks")) {
      headers.add("Authorization: Bearer " + (admin ? TrackerStack.ADMIN_KEY : tenant.apiKey()));
    }
    if (more.stream().noneMatch(line -> line.startsWith("Content-Type"))) {
      headers.add("Content-Type: application/json");
    }
    headers.addAll(more);
    RawClient.Answer answer = client.send(method, target, headers, body);
    String fault = fault(target, more, answer);
    if (!fault.isEmpty()
        && faults.size() < MAX_FAULTS
        && seen.add(method + route(target) + answer.status())) {
      faults.add(
          "%s %s %s %s: %s"
              .formatted(
                  method,
                  cut(target),
                  cut(more.toString()),
                  cut(new String(body, StandardCharsets.UTF_8)),
                  fault));
    }
  }

  /** Without what was put into it, roughly: one fault of a kind is enough. */
  private static String route(String target) {
    return target.replaceAll("=.*", "").replaceAll("[^a-z/?_]", "");
  }

  private static String cut(String text) {
    return text.length() <= 300 ? text : text.substring(0, 300) + "… (" + text.length() + ")";
  }

  private static String fault(String target, List<String> headers, RawClient.Answer answer) {
    int status = answer.status();
    if (target.length() > 3_000 && (status == 414 || status == 0)) {
      return "";
    }
    boolean unreadable =
        headers.stream()
            .anyMatch(
                line -> line.length() > 3_000 || line.chars().anyMatch(c -> c < ' ' || c == 127));
    boolean undecodable = target.matches(".*%(?![0-9A-Fa-f]{2}).*");
    if ((unreadable || undecodable) && (status == 400 || status == 431)) {
      // Refused while the request's head is read, before there is a front.
      return "";
    }
    if (status == 0 || status >= 500 && status != 503) {
      return "answered " + status + " " + cut(answer.body());
    }
    if (status < 400) {
      return "";
    }
    return hasShape(target, answer) ? "" : status + " without its front's shape: " + answer;
  }

  private static boolean hasShape(String target, RawClient.Answer answer) {
    try {
      JsonNode body = JSON.readTree(answer.body());
      return target.startsWith("/kling") || target.startsWith("/callbacks")
          ? body.path("code").asInt(0) > 0
              && body.path("message").asText().length() > 0
              && body.has("request_id")
          : answer.contentType().startsWith("application/problem+json")
              && body.path("status").asInt() == answer.status()
              && body.path("detail").asText().length() > 0;
    } catch (IOException e) {
      return false;
    }
  }
}
