package io.klingtracker.retention;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.KlingAccounts;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** An administrator deletes a tenant: counted first, drained where he says so. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class TenantDeletionStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Inject KlingAccounts accounts;

  @AfterEach
  void the_account_as_it_was() {
    accounts.resume("default");
  }

  private static ValidatableResponse delete(TestTenant tenant, String query) {
    return TestTenant.admin().delete("/admin/v1/tenants/" + tenant.id() + query).then();
  }

  @Test
  void a_tenant_is_deleted_with_its_tasks_and_keys_and_can_be_made_anew() {
    TestTenant tenant = TestTenant.create();
    String id = tenant.submit("order-1");
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> tenant.caller().get("/v1/tasks/" + id).then().body("status", equalTo("succeed")));
    accounts.pause("default");
    String waiting = tenant.submit("order-2");

    delete(tenant, "").statusCode(409).body("detail", containsString("drain=true"));
    delete(tenant, "?confirm=2").statusCode(409).body("detail", containsString("drain=true"));
    delete(tenant, "?drain=true")
        .statusCode(200)
        .body("matched", equalTo(2))
        .body("done", equalTo(0));
    tenant.caller().get("/v1/tasks/" + waiting).then().body("status", equalTo("queued"));
    delete(tenant, "?drain=true&confirm=1").statusCode(409).body("matched", equalTo(2));
    delete(tenant, "?drain=true&confirm=2")
        .statusCode(200)
        .body("matched", equalTo(2))
        .body("done", equalTo(2));

    tenant.caller().get("/v1/tasks").then().statusCode(403);
    TestTenant.admin()
        .body("{\"suspended\":false}")
        .patch("/admin/v1/tenants/" + tenant.id())
        .then()
        .statusCode(409)
        .body("detail", containsString("is being deleted"));
    TestTenant.admin()
        .body("{\"name\":\"late\"}")
        .post("/admin/v1/tenants/" + tenant.id() + "/keys")
        .then()
        .statusCode(409);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                TestTenant.admin().get("/admin/v1/tenants/" + tenant.id()).then().statusCode(404));
    delete(tenant, "").statusCode(404);
    await()
        .atMost(LIMIT)
        .untilAsserted(() -> tenant.caller().get("/v1/tasks").then().statusCode(401));
    TestTenant.admin()
        .body("{\"id\":\"" + tenant.id() + "\",\"name\":\"again\"}")
        .post("/admin/v1/tenants")
        .then()
        .statusCode(201)
        .body("deleting", equalTo(false));
    TestTenant.withKey(tenant.id(), "{\"name\":\"again\"}")
        .caller()
        .get("/v1/tasks/" + id)
        .then()
        .statusCode(404);
  }
}
