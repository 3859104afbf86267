package io.klingtracker.testing;

import static io.restassured.RestAssured.given;

import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.specification.RequestSpecification;
import java.util.UUID;

/**
 * A tenant of a story's own, made over the admin API.
 *
 * @param id the tenant
 * @param keyId its key's id
 * @param apiKey its key
 * @param accessKey of its pair
 * @param secretKey of its pair
 */
public record TestTenant(
    String id, String keyId, String apiKey, String accessKey, String secretKey) {

  /** A tenant without quotas, with a key that may do everything, and erase. */
  public static TestTenant erasing() {
    return create(
        "{\"name\":\"story\",\"track_accounts\":[\"default\"]}",
        "{\"name\":\"story\",\"scopes\":[\"submit\",\"read\",\"webhooks\",\"erase\"]}");
  }

  /** A tenant without quotas, with a key that may do what one can whose scopes nobody named. */
  public static TestTenant create() {
    return create("{\"name\":\"story\",\"track_accounts\":[\"default\"]}", "{\"name\":\"story\"}");
  }

  /**
   * A tenant and key of special settings.
   *
   * @param tenant body of the tenant's creation but for its id
   * @param key body of the key's creation
   */
  public static TestTenant create(String tenant, String key) {
    String id = "t-" + UUID.randomUUID();
    admin()
        .body(tenant.replaceFirst("\\{", "{\"id\":\"" + id + "\","))
        .post("/admin/v1/tenants")
        .then()
        .statusCode(201);
    return withKey(id, key);
  }

  /** Another key of an existing tenant. */
  public static TestTenant withKey(String tenant, String key) {
    JsonPath made =
        admin()
            .body(key)
            .post("/admin/v1/tenants/" + tenant + "/keys")
            .then()
            .statusCode(201)
            .extract()
            .jsonPath();
    return new TestTenant(
        tenant,
        made.getString("id"),
        made.getString("api_key"),
        made.getString("access_key"),
        made.getString("secret_key"));
  }

  /** A request with this tenant's key. */
  public RequestSpecification caller() {
    return given().header("Authorization", "Bearer " + apiKey).contentType(ContentType.JSON);
  }

  /** A request with the configured admin key. */
  public static RequestSpecification admin() {
    return given()
        .header("Authorization", "Bearer " + TrackerStack.ADMIN_KEY)
        .contentType(ContentType.JSON);
  }

  /** Stores a task; its id. */
  public String submit(String externalTaskId) {
    return caller()
        .body(
            "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"external_task_id\":\"%s\"}"
                .formatted(externalTaskId))
        .post("/kling/v1/videos/text2video")
        .then()
        .statusCode(200)
        .extract()
        .path("data.task_id");
  }
}
