package io.klingtracker.api;

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
      Map.of(
          "post /admin/v1/tenants", Set.of("201"),
          "post /admin/v1/tenants/{tenant}/keys", Set.of("201"),
          "post /admin/v1/keys", Set.of("201"),
          "post /admin/v1/set-aside/{id}/retry", Set.of("204"),
          "post /admin/v1/events/replay", Set.of("200", "202"),
          "post /v1/webhooks/deliveries/{id}/redeliver", Set.of("202"),
          "post /v1/webhooks/hosts/{host}/resume", Set.of("204"),
          "get /v1/tasks/{id}", Set.of("200", "304"),
          "get /v1/tasks/{id}/events", Set.of("200", "204"));

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
                boolean empty = status.equals("204") || status.equals("304");
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
    TestTenant tenant = TestTenant.create();
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
    String id = TestTenant.create().id();
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
    TestTenant tenant = TestTenant.create();
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
        "object", schema("get /v1/tasks/{id}", "200").at("/properties/result/type").asText());
  }

  private void assertDocumented(String operation, String status, JsonNode answer) {
    JsonNode schema = schema(operation, status);
    answer
        .fieldNames()
        .forEachRemaining(
            name -> assertTrue(schema.path("properties").has(name), () -> operation + " " + name));
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
