package io.klingtracker.tenant;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.request.JsonFaults;
import io.klingtracker.request.Nearest;
import io.klingtracker.request.Parameters;
import io.klingtracker.rules.ModelMapping;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** Tenants and their keys, for administrators. */
@Path("/admin/v1")
@Produces(MediaType.APPLICATION_JSON)
public class AdminTenantResource {

  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;

  /** What is shown of a tenant or key and cannot be changed. */
  private static final Set<String> SHOWN_ONLY =
      Set.of("created_at", "prefix", "access_key", "revoked_at", "last_used_at");

  /** Settings whose values the audit log tells. */
  private static final Set<String> AUDITED =
      Set.of(
          "suspended",
          "scopes",
          "track_accounts",
          "rate",
          "burst",
          "expires_at",
          "max_queued",
          "units_per_day",
          "units_per_month",
          "weight");

  private final Tenants tenants;
  private final KlingConfig kling;
  private final CurrentCaller caller;
  private final ObjectMapper json;

  @Inject
  AdminTenantResource(Tenants tenants, KlingConfig kling, CurrentCaller caller, ObjectMapper json) {
    this.tenants = tenants;
    this.kling = kling;
    this.caller = caller;
    // Numbers digit by digit: what is left out must come out as it was.
    this.json =
        json.copy()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .setNodeFactory(JsonNodeFactory.withExactBigDecimals(true));
  }

  /**
   * A tenant as it is asked for. When it is made, what is left out is no limit, and a weight left
   * out is 1; when it is changed, what is left out stays, and null is as when it was made without.
   * Null does not lift a suspension.
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "TenantBody")
  public record TenantRequest(
      @Nullable String id,
      @Nullable String name,
      @Nullable Integer maxQueued,
      @Nullable BigDecimal unitsPerDay,
      @Nullable BigDecimal unitsPerMonth,
      @Nullable Integer weight,
      @Nullable Map<String, @Nullable String> models,
      @Nullable List<@Nullable String> trackAccounts,
      @Nullable Boolean suspended) {}

  /** A tenant as it is shown. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "TenantShown")
  public record TenantView(
      String id,
      String name,
      @Nullable Integer maxQueued,
      @Nullable BigDecimal unitsPerDay,
      @Nullable BigDecimal unitsPerMonth,
      int weight,
      Map<String, String> models,
      List<String> trackAccounts,
      boolean suspended,
      String createdAt) {}

  /** Tenants, and where the next page begins. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record TenantPage(List<TenantView> tenants, @Nullable String nextAfter) {}

  /**
   * A key as it is asked for; what is left out or null is as for {@link TenantRequest}, but that
   * scopes cannot be removed: a key without a list has all.
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "KeyBody")
  public record KeyRequest(
      @Nullable String name,
      @Nullable Set<String> scopes,
      @Nullable BigDecimal rate,
      @Nullable Integer burst,
      @Nullable String expiresAt,
      @Nullable Boolean suspended) {}

  /** A key as it is shown; its secrets only when it has just been made. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "KeyShown")
  public record KeyView(
      String id,
      String name,
      String prefix,
      @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) String accessKey,
      @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> scopes,
      @Nullable BigDecimal rate,
      @Nullable Integer burst,
      boolean suspended,
      String createdAt,
      @Nullable String expiresAt,
      @Nullable String revokedAt,
      @Nullable String lastUsedAt,
      @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) String apiKey,
      @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) String secretKey) {}

  /** Keys, newest first. */
  public record Keys(List<KeyView> keys) {}

  /** Tenants by id. */
  @GET
  @Admin
  @Path("/tenants")
  @Operation(summary = "List tenants")
  public TenantPage list(
      @QueryParam("after") @Nullable String after, @QueryParam("limit") @Nullable String limit) {
    int size = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    String position = Parameters.text("after", after);
    List<Tenants.TenantInfo> page = tenants.page(position == null ? "" : position, size);
    return new TenantPage(
        page.stream().map(AdminTenantResource::view).toList(),
        page.size() < size ? null : page.get(size - 1).id());
  }

  /** Makes a tenant. */
  @POST
  @Admin
  @Path("/tenants")
  @Operation(summary = "Make a tenant")
  @APIResponse(
      responseCode = "201",
      description = "made",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = TenantView.class)))
  public Response create(@Nullable TenantRequest body) {
    Tenants.Settings settings = settings(body);
    return Response.status(Response.Status.CREATED)
        .entity(view(tenants.create(Objects.requireNonNull(body).id(), settings)))
        .build();
  }

  /** One tenant. */
  @GET
  @Admin
  @Path("/tenants/{tenant}")
  @Operation(summary = "One tenant")
  public TenantView get(@PathParam("tenant") String tenant) {
    return view(tenants.get(tenant));
  }

  /** Changes those of a tenant's settings that are given. */
  @PUT
  @Admin
  @Path("/tenants/{tenant}")
  @Operation(summary = "Change a tenant's settings, or suspend it")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = TenantRequest.class)))
  public TenantView change(@PathParam("tenant") String tenant, @Nullable String body) {
    return view(
        tenants.change(
            tenant, before -> settings(merged(TenantRequest.class, asked(before), body, tenant))));
  }

  /** The same. */
  @PATCH
  @Admin
  @Path("/tenants/{tenant}")
  @Operation(summary = "Change a tenant's settings, or suspend it")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = TenantRequest.class)))
  public TenantView patch(@PathParam("tenant") String tenant, @Nullable String body) {
    return change(tenant, body);
  }

  /** A tenant's keys. */
  @GET
  @Admin
  @Path("/tenants/{tenant}/keys")
  @Operation(summary = "A tenant's API keys")
  public Keys keys(@PathParam("tenant") String tenant) {
    return keys(tenants.keys(tenant));
  }

  /** Makes a key; the answer is the only time that its secrets are shown. */
  @POST
  @Admin
  @Path("/tenants/{tenant}/keys")
  @Operation(summary = "Make an API key; shown once")
  @APIResponse(
      responseCode = "201",
      description = "made; the only answer with its secrets",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyView.class)))
  public Response createKey(@PathParam("tenant") String tenant, @Nullable KeyRequest body) {
    return made(tenants.createKey(tenant, keySettings(body)));
  }

  /** Changes those of a key's settings that are given. */
  @PATCH
  @Admin
  @Path("/tenants/{tenant}/keys/{id}")
  @Operation(summary = "Change an API key's settings, or suspend it")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyRequest.class)))
  public KeyView changeKey(
      @PathParam("tenant") String tenant, @PathParam("id") String id, @Nullable String body) {
    return view(
        tenants.changeKey(
            tenant,
            Parameters.uuid("a key's id", id),
            before -> keySettings(merged(KeyRequest.class, asked(before), body, id))),
        null,
        null);
  }

  /** Ends a key. */
  @DELETE
  @Admin
  @Path("/tenants/{tenant}/keys/{id}")
  @Operation(summary = "Revoke an API key")
  public KeyView revokeKey(@PathParam("tenant") String tenant, @PathParam("id") String id) {
    return view(tenants.revokeKey(tenant, Parameters.uuid("a key's id", id)), null, null);
  }

  /** Administrators' keys. */
  @GET
  @Admin
  @Path("/keys")
  @Operation(summary = "Administrators' keys")
  public Keys adminKeys() {
    return keys(tenants.adminKeys());
  }

  /** Makes a key for an administrator. */
  @POST
  @Admin
  @Path("/keys")
  @Operation(summary = "Make an administrator's key; shown once")
  @APIResponse(
      responseCode = "201",
      description = "made; the only answer with the key",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyView.class)))
  public Response createAdminKey(@Nullable KeyRequest body) {
    Tenants.KeySettings settings = keySettings(body);
    return made(tenants.createAdminKey(settings.name(), settings.expiresAt()));
  }

  /** Changes an administrator's key. */
  @PATCH
  @Admin
  @Path("/keys/{id}")
  @Operation(summary = "Change an administrator's key: name, end, suspended")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyRequest.class)))
  public KeyView changeAdminKey(@PathParam("id") String id, @Nullable String body) {
    return view(
        tenants.changeAdminKey(
            Parameters.uuid("a key's id", id),
            before -> keySettings(merged(KeyRequest.class, asked(before), body, id))),
        null,
        null);
  }

  /** Ends an administrator's key. */
  @DELETE
  @Admin
  @Path("/keys/{id}")
  @Operation(summary = "Revoke an administrator's key")
  public KeyView revokeAdminKey(@PathParam("id") String id) {
    return view(tenants.revokeAdminKey(Parameters.uuid("a key's id", id)), null, null);
  }

  /** What is given over what was before; the audit log says what that is. */
  private <T> T merged(Class<T> type, T before, @Nullable String body, String id) {
    ObjectNode given = object(type, withoutMark(body));
    if (given.has("id") && !given.path("id").asText().equals(id)) {
      throw Parameters.invalid("id cannot be changed; it is " + Nearest.shown(id));
    }
    // Whoever changes what a GET has shown sends it all back.
    given.remove(SHOWN_ONLY);
    caller.audit("sets " + auditDetail(given));
    refuseWider(given);
    ObjectNode merged = json.valueToTree(before);
    merged.setAll(given);
    try {
      return json.treeToValue(merged, type);
    } catch (JsonProcessingException e) {
      throw Parameters.invalid(JsonFaults.describe(e));
    }
  }

  /** Values too, of settings that are no secret; the log bounds the line. */
  private static String auditDetail(ObjectNode given) {
    return given.properties().stream()
        .map(
            field ->
                AUDITED.contains(field.getKey())
                    ? field.getKey() + "=" + auditDetail(field.getValue())
                    : field.getKey())
        .collect(Collectors.joining(", "));
  }

  private static String auditDetail(JsonNode value) {
    return value.isTextual() ? value.textValue() : value.toString();
  }

  /** What is taken away must not give more: neither all scopes, nor the end of a suspension. */
  private static void refuseWider(ObjectNode given) {
    JsonNode scopes = given.get("scopes");
    if (scopes != null && (scopes.isNull() || scopes.isArray() && scopes.isEmpty())) {
      throw Parameters.invalid("scopes cannot be removed; give a list");
    }
    JsonNode suspended = given.get("suspended");
    if (suspended != null && suspended.isNull()) {
      throw Parameters.invalid("suspended cannot be removed; give true or false");
    }
    JsonNode name = given.get("name");
    if (name != null && name.isNull()) {
      throw Parameters.invalid("name cannot be removed; give text");
    }
  }

  /** Without the byte order mark that some editors put before a text. */
  private static String withoutMark(@Nullable String body) {
    return body == null ? "" : body.startsWith("\uFEFF") ? body.substring(1) : body;
  }

  private ObjectNode object(Class<?> type, String body) {
    try {
      // As what it is to become, which names the field whose value is none; a tree knows no types.
      ObjectReader lenient =
          json.readerFor(type).without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
      if (!body.isBlank()
          && lenient.readValue(body) != null
          && json.readTree(body) instanceof ObjectNode given) {
        return given;
      }
    } catch (JsonProcessingException e) {
      throw Parameters.invalid(JsonFaults.describe(e));
    } catch (NumberFormatException e) {
      // Only of a field that is none of the type's.
      throw Parameters.invalid("a number in the body has too large an exponent");
    }
    throw Parameters.invalid("send a JSON object with what is to be changed");
  }

  private static TenantRequest asked(Tenants.Settings settings) {
    return new TenantRequest(
        null,
        settings.name(),
        settings.maxQueued(),
        settings.unitsPerDay(),
        settings.unitsPerMonth(),
        settings.weight(),
        new TreeMap<>(settings.models()),
        settings.trackAccounts() == null ? null : new ArrayList<>(settings.trackAccounts()),
        settings.suspended());
  }

  private static KeyRequest asked(Tenants.KeySettings settings) {
    return new KeyRequest(
        settings.name(),
        settings.scopes(),
        settings.rate(),
        settings.burst(),
        settings.expiresAt() == null ? null : settings.expiresAt().toString(),
        settings.suspended());
  }

  private Tenants.Settings settings(@Nullable TenantRequest body) {
    if (body == null || body.name() == null) {
      throw Parameters.invalid("send a JSON object with at least name");
    }
    Map<String, @Nullable String> models = body.models() == null ? Map.of() : body.models();
    if (models.values().stream().anyMatch(name -> name == null || name.isBlank())) {
      throw Parameters.invalid("models maps public names to Kling's, as texts");
    }
    Map<String, String> named = Map.copyOf(models);
    named.forEach(
        (name, upstream) -> {
          Parameters.filled("models", name, ModelMapping.MAX_NAME);
          Parameters.filled("models." + name, upstream, ModelMapping.MAX_NAME);
        });
    try {
      ModelMapping.of(kling.models(), Set.of()).with(named);
    } catch (IllegalArgumentException e) {
      throw Parameters.invalid(String.valueOf(e.getMessage()));
    }
    return new Tenants.Settings(
        body.name(),
        body.maxQueued(),
        body.unitsPerDay(),
        body.unitsPerMonth(),
        body.weight(),
        named,
        accounts(body.trackAccounts()),
        Boolean.TRUE.equals(body.suspended()));
  }

  private static Tenants.KeySettings keySettings(@Nullable KeyRequest body) {
    if (body == null || body.name() == null) {
      throw Parameters.invalid("send a JSON object with at least name");
    }
    return new Tenants.KeySettings(
        body.name(),
        body.scopes() == null ? Set.of() : body.scopes(),
        body.rate(),
        body.burst(),
        Parameters.time("expires_at", body.expiresAt()),
        Boolean.TRUE.equals(body.suspended()));
  }

  private static @Nullable List<String> accounts(@Nullable List<@Nullable String> names) {
    if (names == null) {
      return null;
    }
    if (names.stream().anyMatch(Objects::isNull)) {
      throw Parameters.invalid("track_accounts is a list of names of Kling accounts");
    }
    return names.stream().map(String::valueOf).toList();
  }

  private static TenantView view(Tenants.TenantInfo tenant) {
    Tenants.Settings settings = tenant.settings();
    return new TenantView(
        tenant.id(),
        settings.name(),
        settings.maxQueued(),
        settings.unitsPerDay(),
        settings.unitsPerMonth(),
        Objects.requireNonNullElse(settings.weight(), 1),
        settings.models(),
        tenant.trackAccounts(),
        settings.suspended(),
        Rfc3339.format(tenant.createdAt()));
  }

  private static Keys keys(List<Tenants.KeyInfo> keys) {
    return new Keys(keys.stream().map(key -> view(key, null, null)).toList());
  }

  private static Response made(Tenants.CreatedKey made) {
    return Response.status(Response.Status.CREATED)
        .header("Cache-Control", "no-store")
        .entity(view(made.key(), made.apiKey(), made.secretKey()))
        .build();
  }

  private static KeyView view(
      Tenants.KeyInfo key, @Nullable String apiKey, @Nullable String secretKey) {
    Tenants.KeySettings settings = key.settings();
    return new KeyView(
        key.id().toString(),
        settings.name(),
        key.prefix(),
        key.accessKey(),
        settings.scopes().stream().sorted().toList(),
        settings.rate(),
        settings.burst(),
        settings.suspended(),
        Rfc3339.format(key.createdAt()),
        time(settings.expiresAt()),
        time(key.revokedAt()),
        time(key.lastUsedAt()),
        apiKey,
        secretKey);
  }

  private static @Nullable String time(@Nullable Instant time) {
    return time == null ? null : Rfc3339.format(time);
  }
}
