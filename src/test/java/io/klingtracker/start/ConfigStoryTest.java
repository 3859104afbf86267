package io.klingtracker.start;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What an operator sees of the settings that a replica runs with, and of its parts. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class ConfigStoryTest {

  private static final String PATH = "/admin/v1/config";

  @Test
  void every_setting_is_there_with_its_default_and_where_it_comes_from() {
    Response config = TestTenant.admin().get(PATH);
    config
        .then()
        .statusCode(200)
        .body(one("tracker.callback.verify") + ".value", equalTo("unsigned"))
        .body(one("tracker.callback.verify") + ".origin", equalTo("default"))
        .body(one("tracker.webhook.allow-private") + ".value", equalTo("true"))
        .body(one("tracker.webhook.allow-private") + ".default", equalTo("false"))
        .body(one("tracker.webhook.allow-private") + ".origin", not("default"))
        .body(one("quarkus.datasource.jdbc.max-size") + ".origin", equalTo("built-in"))
        .body(one("tracker.retention.tasks") + ".value", nullValue())
        .body(one("tracker.retention.tasks") + ".origin", nullValue())
        .body(one("kling.accounts.default.max-parallel") + ".default", equalTo("5"))
        .body("settings.findAll { it.value != null }.origin", everyItem(notNullValue()));

    Set<String> missing = new TreeSet<>(DocumentedSettings.mapped(StartupCheck.MAPPINGS).keySet());
    missing.removeIf(name -> name.contains("<"));
    List<String> keys = config.path("settings.key");
    missing.removeAll(keys);
    assertEquals(Set.of(), missing);
    assertEquals(new TreeSet<>(keys).stream().toList(), keys);
  }

  @Test
  void no_secret_is_shown_and_only_administrators_see_any_of_it() {
    Response config = TestTenant.admin().get(PATH);
    config.then().body(one("tracker.secret") + ".value", equalTo("****"));
    String text = config.asString();
    for (String secret :
        List.of(
            TrackerStack.SECRET,
            TrackerStack.ADMIN_KEY,
            TrackerStack.API_KEY,
            TrackerStack.KLING_ACCESS_KEY,
            TrackerStack.KLING_SECRET_KEY,
            TrackerStack.KLING_API_KEY)) {
      assertFalse(text.contains(secret), secret);
    }
    config.then().body("settings.value", hasItem("****"));
    assertTrue(TestTenant.create().caller().get(PATH).statusCode() == 401);
  }

  @Test
  void every_part_says_since_when_it_is_as_it_is_and_has_words_for_its_users() {
    Response well = given().get("/q/health/well");
    Set<String> names = new TreeSet<>(well.<List<String>>path("checks.name"));
    assertEquals(new TreeSet<>(WellParts.USERS.keySet()), names);
    well.then().body("checks.data.since", everyItem(notNullValue()));
  }

  private static String one(String key) {
    return "settings.find { it.key == '" + key + "' }";
  }
}
