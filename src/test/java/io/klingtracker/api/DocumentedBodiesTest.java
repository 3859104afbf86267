package io.klingtracker.api;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What {@code /q/openapi} says of bodies and answers is what is read and answered. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class DocumentedBodiesTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Set<String> READS_A_BODY = Set.of("post", "put", "patch");

  /** What does not answer 200 alone, 4xx and 5xx aside. */
  private static final Map<String, Set<String>> NOT_ONLY_200 =
      Map.ofEntries(
          Map.entry("post /admin/v1/tenants", Set.of("201")),
          Map.entry("post /admin/v1/tenants/{tenant}/keys", Set.of("201")),
          Map.entry("post /admin/v1/keys", Set.of("201")),
          Map.entry("post /admin/v1/set-aside/{id}/retry", Set.of("204")),
          Map.entry("post /admin/v1/doubts/{id}/accepted", Set.of("204")),
          Map.entry("post /admin/v1/doubts/{id}/not-accepted", Set.of("204")),
          Map.entry("post /admin/v1/events/replay", Set.of("200", "202")),
          Map.entry("post /v1/webhooks/deliveries/{id}/redeliver", Set.of("202")),
          Map.entry("post /v1/webhooks/hosts/{host}/resume", Set.of("204")),
          Map.entry("get /v1/tasks/{id}", Set.of("200", "304")),
          Map.entry("delete /v1/tasks/{id}", Set.of("204")),
          Map.entry("get /v1/tasks/{id}/content", Set.of("200", "206", "302", "304")),
          Map.entry("get /v1/tasks/{id}/events", Set.of("200", "204")));

  private JsonNode document;

  @BeforeEach
  void the_document() throws Exception {
    document = JSON.readTree(RestAssured.get("/q/openapi?format=json").asString());
  }

  @Test
  void every_answer_has_its_status_and_its_schema() {
    Map<String, Set<String>> statuses = new TreeMap<>();
    List<String> wrong = new ArrayList<>();
    operations()
        .forEach(
            (name, operation) -> {
              Set<String> documented = new TreeSet<>();
              for (Map.Entry<String, JsonNode> answer : operation.get("responses").properties()) {
                String status = answer.getKey();
                if (status.compareTo("400") >= 0) {
                  continue;
                }
                documented.add(status);
                boolean empty = Set.of("204", "302", "304").contains(status);
                JsonNode content = answer.getValue().path("content");
                if (empty != content.isEmpty()) {
                  wrong.add(name + " " + status + " has the content " + content);
                }
                for (JsonNode of : content) {
                  if (resolved(of.path("schema")).isEmpty()) {
                    wrong.add(name + " " + status + " has the schema " + of);
                  }
                }
              }
              if (!documented.equals(Set.of("200"))) {
                statuses.put(name, documented);
              }
            });
    assertEquals(List.of(), wrong);
    assertEquals(new TreeMap<>(NOT_ONLY_200), statuses);
  }

  @Test
  void every_documented_field_of_a_body_is_read() {
    TestTenant tenant = TestTenant.erasing();
    String adminKey = TestTenant.admin().body("{\"name\":\"x\"}").post("/admin/v1/keys").path("id");
    List<String> wrong = new ArrayList<>();
    int fields = 0;
    for (Map.Entry<String, JsonNode> operation : operations().entrySet()) {
      JsonNode body = operation.getValue().at("/requestBody/content");
      String method = operation.getKey().split(" ")[0];
      if (!READS_A_BODY.contains(method) || body.isMissingNode()) {
        continue;
      }
      String path = operation.getKey().split(" ")[1];
      JsonNode schema = resolved(body.at("/application~1json/schema"));
      if (schema.path("properties").isEmpty()) {
        wrong.add(operation.getKey() + " documents no fields: " + schema);
      }
      for (Map.Entry<String, JsonNode> field : schema.path("properties").properties()) {
        fields++;
        Response answer =
            caller(path, tenant)
                .body("{\"%s\":[[[]]]}".formatted(field.getKey()))
                .request(method, filled(path, tenant, adminKey));
        if (answer.statusCode() != 400 || !answer.asString().contains(field.getKey())) {
          wrong.add(operation.getKey() + " " + field.getKey() + ": " + answer.asString());
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(fields > 30, "only " + fields + " fields");
  }

  @Test
  void what_is_made_is_answered_201_with_documented_fields() throws Exception {
    String id = TestTenant.erasing().id();
    Map<String, String> bodies =
        Map.of(
            "/admin/v1/tenants", "{\"id\":\"t-%s\",\"name\":\"x\"}".formatted(UUID.randomUUID()),
            "/admin/v1/tenants/{tenant}/keys", "{\"name\":\"x\"}",
            "/admin/v1/keys", "{\"name\":\"x\"}");
    for (Map.Entry<String, String> made : bodies.entrySet()) {
      String path = made.getKey();
      Response answer = TestTenant.admin().body(made.getValue()).post(path.replace("{tenant}", id));
      assertEquals(201, answer.statusCode(), answer.asString());
      assertDocumented("post " + path, "201", JSON.readTree(answer.asString()));
    }
  }

  @Test
  void a_task_and_its_events_are_answered_with_documented_fields() throws Exception {
    TestTenant tenant = TestTenant.erasing();
    String task = tenant.submit("documented-" + UUID.randomUUID());

    JsonNode shown = JSON.readTree(tenant.caller().get("/v1/tasks/" + task).asString());
    JsonNode page = JSON.readTree(tenant.caller().get("/v1/events?wait=30").asString());

    assertDocumented("get /v1/tasks/{id}", "200", shown);
    assertDocumented("get /v1/events", "200", page);
    assertTrue(page.at("/events/0").isObject(), page.toString());
    JsonNode event = resolved(schema("get /v1/events", "200").at("/properties/events/items"));
    assertEquals("object", event.path("type").asText());
    assertTrue(event.path("properties").isEmpty(), event.toString());
    assertEquals(
        JSON.readTree("[\"object\",\"null\"]"),
        schema("get /v1/tasks/{id}", "200").at("/properties/result/type"));
  }

  /** Fresh and ended, sent and tracked: what may be null is null somewhere. */
  @Test
  void null_stands_only_where_that_is_documented() throws Exception {
    TestTenant tenant = TestTenant.erasing();
    String ended =
        tenant
            .caller()
            .header("Prefer", "wait=30")
            .body(
                "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\","
                    + "\"callback_url\":\"https://nobody.example.com/cb\"}")
            .post("/kling/v1/videos/text2video")
            .then()
            .statusCode(200)
            .extract()
            .path("data.task_id");
    Response tracked =
        tenant
            .caller()
            .body(
                "{\"kind\":\"text2video\",\"external_task_id\":\"%s\"}"
                    .formatted(UUID.randomUUID()))
            .post("/v1/tasks/track");
    Response batch =
        tenant
            .caller()
            .body("{\"ids\":[\"%s\",\"none\"]}".formatted(ended))
            .post("/v1/tasks/batch");
    String delivery =
        tenant
            .caller()
            .get("/v1/webhooks/deliveries?task_id=" + ended)
            .path("deliveries[0].id")
            .toString();
    Map<String, List<String>> ids =
        Map.of(
            "/v1/tasks/", List.of(ended, tracked.path("task_id")),
            "/v1/webhooks/deliveries/", List.of(delivery));

    Nulls nulls = new Nulls();
    nulls.look("post /v1/tasks/track", "200", tracked);
    nulls.look("post /v1/tasks/batch", "200", batch);
    for (String confirm : List.of("", ",\"confirm\":true")) {
      nulls.look(
          "post /admin/v1/events/replay",
          confirm.isEmpty() ? "200" : "202",
          TestTenant.admin()
              .body("{\"task_id\":\"%s\"%s}".formatted(ended, confirm))
              .post("/admin/v1/events/replay"));
    }
    // Others may ask for one after us.
    await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> TestTenant.admin().get("/admin/v1/events/replay").path("state"),
            state -> !state.equals("running"));
    for (String operation : operations().keySet()) {
      String path = operation.split(" ")[1];
      if (!operation.startsWith("get ") || schema(operation, "200").isMissingNode()) {
        continue;
      }
      for (String id :
          ids.getOrDefault(path.replaceFirst("\\{id}.*", ""), List.of(tenant.keyId()))) {
        String target =
            path.replace("{tenant}", tenant.id()).replace("{name}", "default").replace("{id}", id);
        nulls.look(operation, "200", caller(path, tenant).get(target));
      }
    }

    assertEquals(Set.of(), nulls.wrong);
    assertTrue(nulls.answers > 20, "only " + nulls.answers + " answers");
    assertTrue(nulls.found > 30, "only " + nulls.found + " nulls");
  }

  /** What answers contain against what is documented. */
  private final class Nulls {
    private final Set<String> wrong = new TreeSet<>();
    private int answers;
    private int found;

    void look(String operation, String status, Response answer) throws Exception {
      if (answer.statusCode() == Integer.parseInt(status)) {
        answers++;
        look(operation, schema(operation, status), JSON.readTree(answer.asString()));
      } else {
        wrong.add(operation + " is answered " + answer.statusCode() + " " + answer.asString());
      }
    }

    private void look(String where, JsonNode documented, JsonNode value) {
      JsonNode schema = resolved(documented);
      if (value.isNull()) {
        found++;
        if (!mayBeNull(schema)) {
          wrong.add(where + " is null, documented is " + documented);
        }
        return;
      }
      for (JsonNode one : schema.path("anyOf")) {
        if (!mayBeNull(one)) {
          schema = resolved(one);
        }
      }
      JsonNode properties = schema.path("properties");
      for (Map.Entry<String, JsonNode> field : value.properties()) {
        if (properties.has(field.getKey())) {
          look(where + " " + field.getKey(), properties.get(field.getKey()), field.getValue());
        } else if (schema.path("additionalProperties").isObject()) {
          look(where + " *", schema.get("additionalProperties"), field.getValue());
        } else if (!properties.isEmpty()) {
          wrong.add(where + " has " + field.getKey() + ", which is not documented");
        }
      }
      if (value.isArray()) {
        for (JsonNode item : value) {
          look(where + "[]", schema.path("items"), item);
        }
      }
    }

    private boolean mayBeNull(JsonNode schema) {
      for (JsonNode type : schema.path("type")) {
        if (type.asText().equals("null")) {
          return true;
        }
      }
      for (JsonNode one : schema.path("anyOf")) {
        if (mayBeNull(one)) {
          return true;
        }
      }
      return schema.path("type").asText().equals("null");
    }
  }

  private void assertDocumented(String operation, String status, JsonNode answer) {
    Nulls nulls = new Nulls();
    nulls.look(operation, schema(operation, status), answer);
    assertEquals(Set.of(), nulls.wrong);
  }

  private JsonNode schema(String operation, String status) {
    return resolved(
        operations()
            .get(operation)
            .at("/responses/" + status + "/content/application~1json/schema"));
  }

  /** Those of our own API, by method and path; Kling's has no shapes of ours. */
  private Map<String, JsonNode> operations() {
    Map<String, JsonNode> operations = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> path : document.get("paths").properties()) {
      if (path.getKey().startsWith("/v1/") || path.getKey().startsWith("/admin/")) {
        for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
          if (operation.getValue().has("responses")) {
            operations.put(operation.getKey() + " " + path.getKey(), operation.getValue());
          }
        }
      }
    }
    return operations;
  }

  private JsonNode resolved(JsonNode schema) {
    return schema.has("$ref") ? document.at(schema.get("$ref").asText().substring(1)) : schema;
  }

  private static RequestSpecification caller(String path, TestTenant tenant) {
    return path.startsWith("/admin/") ? TestTenant.admin() : tenant.caller();
  }

  private static String filled(String path, TestTenant tenant, String adminKey) {
    return path.replace("{tenant}", tenant.id())
        .replace("{id}", path.startsWith("/admin/v1/keys/") ? adminKey : tenant.keyId());
  }
}
