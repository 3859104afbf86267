package io.klingtracker.tenant;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Hashes;
import io.klingtracker.testing.IdentityProvider;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.runtime.QuarkusPrincipal;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.specification.RequestSpecification;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.KeyPairGenerator;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.eclipse.microprofile.jwt.JsonWebToken;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** People with a token of the identity provider, beside keys and beside Kling's own tokens. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class OidcUsersTest {

  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";

  @Inject KeyAuthenticator authenticator;
  @Inject OidcUsers oidcUsers;

  @TestHTTPResource URI base;

  private TestTenant tenant;

  @BeforeEach
  void a_tenant() {
    tenant = TestTenant.create();
  }

  @Test
  void a_person_may_do_in_the_tenant_what_the_roles_say() {
    String reader = person(List.of("tracker-read", "somebody-elses"));
    with(reader).get("/v1/tasks").then().statusCode(200).body("tasks", hasSize(0));
    with(reader)
        .body(BODY)
        .post(CREATE)
        .then()
        .statusCode(403)
        .body("code", equalTo(1103))
        .body("message", containsString("submit"));
    with(reader).get("/v1/webhooks/settings").then().statusCode(403);
    with(reader).get("/admin/v1/tenants").then().statusCode(403);
    with(person(List.of("tracker-erase"))).delete("/v1/tasks/none").then().statusCode(404);
    with(person(List.of("tracker-webhooks"))).delete("/v1/tasks/none").then().statusCode(403);
    with(person(List.of("tracker-webhooks"))).get("/v1/webhooks/settings").then().statusCode(200);
    with(person(List.of())).get("/v1/tasks").then().statusCode(403);
  }

  @Test
  void what_a_person_submits_is_the_tenants_and_nobody_elses() {
    String id =
        with(person("tracker-submit tracker-read"))
            .body(BODY)
            .post(CREATE)
            .then()
            .statusCode(200)
            .extract()
            .path("data.task_id");

    tenant.caller().get("/v1/tasks/" + id).then().statusCode(200);
    TestTenant.create().caller().get("/v1/tasks/" + id).then().statusCode(404);
    String stranger =
        IdentityProvider.sign(
            IdentityProvider.claims(
                Map.of("tenant", TestTenant.create().id(), "roles", List.of("tracker-read"))));
    with(stranger).get("/v1/tasks/" + id).then().statusCode(404);
  }

  @Test
  void a_stream_opens_for_a_person_too() throws Exception {
    HttpResponse<InputStream> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(base.resolve("/v1/events/stream"))
                    .header("Authorization", "Bearer " + person(List.of("tracker-read")))
                    .timeout(Duration.ofSeconds(10))
                    .build(),
                HttpResponse.BodyHandlers.ofInputStream());
    try (InputStream body = answer.body()) {
      assertEquals(200, answer.statusCode());
    }
  }

  @Test
  void an_administrator_by_role_is_named_in_the_audit_log() {
    String admin =
        IdentityProvider.sign(
            IdentityProvider.claims(
                Map.of("roles", List.of("tracker-admin"), "preferred_username", "alice")));
    String id = "p-" + UUID.randomUUID();
    with(admin)
        .body("{\"id\":\"" + id + "\",\"name\":\"P\"}")
        .post("/admin/v1/tenants")
        .then()
        .statusCode(201);
    with(admin).body("{\"name\":\"Q\"}").put("/admin/v1/tenants/" + id).then().statusCode(200);

    TestTenant.admin()
        .get("/admin/v1/audit?limit=200")
        .then()
        .body(
            "entries.findAll { it.path == '/admin/v1/tenants/%s' }.actor".formatted(id),
            hasItem("oidc:alice"));
    // An administrator without a tenant has no tasks to look at.
    with(admin)
        .get("/v1/tasks")
        .then()
        .statusCode(403)
        .body("detail", containsString("names no tenant"));
    with(IdentityProvider.sign(
            IdentityProvider.claims(
                Map.of("tenant", "nobody-" + UUID.randomUUID(), "roles", "tracker-read"))))
        .get("/v1/tasks")
        .then()
        .statusCode(403);
  }

  @Test
  void a_token_that_the_provider_did_not_make_for_us_is_refused() throws Exception {
    Map<String, Object> claims = Map.of("tenant", tenant.id(), "roles", "tracker-read");
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    String forged =
        IdentityProvider.claims(claims)
            .jws()
            .keyId("test-key-1")
            .sign(generator.generateKeyPair().getPrivate());
    String otherService =
        IdentityProvider.sign(IdentityProvider.claims(claims).audience("another-service"));
    String otherProvider =
        IdentityProvider.sign(IdentityProvider.claims(claims).issuer("https://elsewhere.example"));
    String good = person("tracker-read");
    String changed =
        good.substring(0, good.indexOf('.') + 1)
            + part("{\"tenant\":\"" + tenant.id() + "\",\"roles\":\"tracker-admin\"}")
            + good.substring(good.lastIndexOf('.'));
    for (String bad : List.of(forged, otherService, otherProvider, changed)) {
      with(bad).get(CREATE).then().statusCode(401).body("code", equalTo(1002));
      with(bad).get("/admin/v1/tenants").then().statusCode(401);
    }
    String expired =
        IdentityProvider.sign(
            IdentityProvider.claims(claims).expiresAt(Instant.now().minusSeconds(600)));
    with(expired).get(CREATE).then().statusCode(401).body("code", equalTo(1004));
  }

  @Test
  void a_token_cannot_choose_who_checks_it() {
    String claims =
        "{\"iss\":\"" + IdentityProvider.url() + "\",\"tenant\":\"" + tenant.id() + "\"}";
    String text = part("{\"alg\":\"HS256\"}") + "." + part(claims);
    String hmac =
        text
            + "."
            + Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(
                    Hashes.hmacSha256(
                        IdentityProvider.url().getBytes(StandardCharsets.UTF_8),
                        text.getBytes(StandardCharsets.UTF_8)));
    String none = part("{\"alg\":\"none\"}") + "." + part(claims) + ".";
    for (String bad : List.of(hmac, none)) {
      with(bad).get(CREATE).then().statusCode(401).body("code", equalTo(1002));
    }
    given()
        .header("Authorization", "Bearer " + person("tracker-read"), "Bearer " + tenant.apiKey())
        .get(CREATE)
        .then()
        .statusCode(401)
        .body("code", equalTo(1002));
  }

  /**
   * As with another header for the token, or a log-in by cookie, beside an Authorization of one's
   * own.
   */
  @Test
  void what_was_not_verified_says_nothing_whatever_was() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    String forged =
        IdentityProvider.claims(
                Map.of("tenant", tenant.id(), "roles", "tracker-admin tracker-read"))
            .jws()
            .sign(generator.generateKeyPair().getPrivate());
    String verified = person("tracker-read");
    Uni<SecurityIdentity> somebody =
        Uni.createFrom()
            .item(
                QuarkusSecurityIdentity.builder()
                    .setPrincipal(new VerifiedToken(verified))
                    .build());
    Uni<SecurityIdentity> byCookie =
        Uni.createFrom()
            .item(
                QuarkusSecurityIdentity.builder()
                    .setPrincipal(new QuarkusPrincipal("bob"))
                    .build());
    for (Uni<SecurityIdentity> identity : List.of(somebody, byCookie)) {
      List<String> header = List.of("Bearer " + forged);
      assertThrows(ProblemException.class, () -> oidcUsers.administrator(header, identity));
      assertThrows(ProblemException.class, () -> oidcUsers.inTenant(header, identity));
    }
    assertEquals(tenant.id(), oidcUsers.inTenant(List.of("Bearer " + verified), somebody).tenant());
  }

  private record VerifiedToken(String token) implements JsonWebToken {
    @Override
    public String getName() {
      return "alice";
    }

    @Override
    public Set<String> getClaimNames() {
      return Set.of("raw_token");
    }

    @Override
    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // As the interface has it.
    public <T> T getClaim(String name) {
      return (T) (name.equals("raw_token") ? token : null);
    }
  }

  @Test
  void without_a_provider_its_tokens_are_as_good_as_any_text() {
    List<String> header = List.of("Bearer " + person("tracker-read"));

    // As KeyAuthenticator has it when OidcUsers does not take the token, which is so while it is
    // switched off.
    ProblemException refused =
        assertThrows(ProblemException.class, () -> authenticator.tenantKey(header));
    assertEquals(ErrorCode.AUTHORIZATION_INVALID, refused.code());
  }

  private String person(Object roles) {
    return IdentityProvider.sign(
        IdentityProvider.claims(Map.of("tenant", tenant.id(), "roles", roles)));
  }

  private static RequestSpecification with(String token) {
    return given().header("Authorization", "Bearer " + token).contentType(ContentType.JSON);
  }

  private static String part(String text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
