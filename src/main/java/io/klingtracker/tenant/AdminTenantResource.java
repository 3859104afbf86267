package io.klingtracker.tenant;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.request.Parameters;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jspecify.annotations.Nullable;

/** Tenants, for administrators. */
@Path("/admin/v1/tenants")
@Produces(MediaType.APPLICATION_JSON)
public class AdminTenantResource {

  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;

  private final Tenants tenants;
  private final KlingConfig kling;
  private final SettingsChange changes;

  @Inject
  AdminTenantResource(Tenants tenants, KlingConfig kling, SettingsChange changes) {
    this.tenants = tenants;
    this.kling = kling;
    this.changes = changes;
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
      @Nullable BigDecimal amountPerMonth,
      @Nullable Integer weight,
      @Nullable Map<String, @Nullable String> models,
      @Nullable List<@Nullable String> trackAccounts,
      @Nullable String retention,
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
      @Nullable BigDecimal amountPerMonth,
      int weight,
      Map<String, String> models,
      List<String> trackAccounts,
      @Nullable String retention,
      boolean suspended,
      boolean deleting,
      String createdAt) {}

  /** Tenants, and where the next page begins. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record TenantPage(List<TenantView> tenants, @Nullable String nextAfter) {}

  /** Tenants by id. */
  @GET
  @Admin
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
  @Path("/{tenant}")
  @Operation(summary = "One tenant")
  public TenantView get(@PathParam("tenant") String tenant) {
    return view(tenants.get(tenant));
  }

  /** Changes those of a tenant's settings that are given. */
  @PUT
  @Admin
  @Path("/{tenant}")
  @Operation(summary = "Change a tenant's settings, or suspend it")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = TenantRequest.class)))
  public TenantView change(@PathParam("tenant") String tenant, @Nullable String body) {
    return view(
        tenants.change(
            tenant,
            before -> settings(changes.merged(TenantRequest.class, asked(before), body, tenant))));
  }

  /** The same. */
  @PATCH
  @Admin
  @Path("/{tenant}")
  @Operation(summary = "Change a tenant's settings, or suspend it")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = TenantRequest.class)))
  public TenantView patch(@PathParam("tenant") String tenant, @Nullable String body) {
    return change(tenant, body);
  }

  private static TenantRequest asked(Tenants.Settings settings) {
    return new TenantRequest(
        null,
        settings.name(),
        settings.maxQueued(),
        settings.unitsPerDay(),
        settings.unitsPerMonth(),
        settings.amountPerMonth(),
        settings.weight(),
        new TreeMap<>(settings.models()),
        settings.trackAccounts() == null ? null : new ArrayList<>(settings.trackAccounts()),
        SettingChecks.text(settings.retention()),
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
      ModelMapping.of(kling.models(), Set.of()).with(named, "tenant");
    } catch (IllegalArgumentException e) {
      throw Parameters.invalid(String.valueOf(e.getMessage()));
    }
    return new Tenants.Settings(
        body.name(),
        body.maxQueued(),
        body.unitsPerDay(),
        body.unitsPerMonth(),
        body.amountPerMonth(),
        body.weight(),
        named,
        accounts(body.trackAccounts()),
        SettingChecks.retention(body.retention()),
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
        settings.amountPerMonth(),
        Objects.requireNonNullElse(settings.weight(), 1),
        settings.models(),
        tenant.trackAccounts(),
        SettingChecks.text(settings.retention()),
        settings.suspended(),
        tenant.deleting(),
        Rfc3339.format(tenant.createdAt()));
  }
}
