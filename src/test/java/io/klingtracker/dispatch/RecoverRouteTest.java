package io.klingtracker.dispatch;

import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.KlingAccounts;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A replica that dispatches counts what waits, and does not recover. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class RecoverRouteTest {

  @Inject KlingAccounts accounts;

  @AfterEach
  void the_account_as_it_was() {
    accounts.resume("default");
  }

  private static ValidatableResponse recover(String body) {
    return TestTenant.admin().body(body).post("/admin/v1/recover").then();
  }

  @Test
  void a_replica_that_dispatches_counts_and_refuses() {
    accounts.pause("default");
    int before = recover("{}").statusCode(200).extract().path("matched");
    TestTenant.create().submit("order-1");

    recover("{}").statusCode(200).body("matched", equalTo(before + 1)).body("done", equalTo(0));
    recover("{\"confirm\":" + (before + 1) + "}")
        .statusCode(409)
        .body("detail", containsString("tracker.dispatch.enabled=false"));
    recover("{\"confirm\":-1,\"drain\":true}").statusCode(400);
  }
}
