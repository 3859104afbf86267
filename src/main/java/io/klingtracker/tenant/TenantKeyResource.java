package io.klingtracker.tenant;

import io.klingtracker.request.Parameters;
import jakarta.inject.Inject;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** A tenant's keys, for administrators. */
@Path("/admin/v1/tenants/{tenant}/keys")
@Tag(ref = "Admin Tenant Resource")
@Produces(MediaType.APPLICATION_JSON)
public class TenantKeyResource {

  private final ApiKeys keys;
  private final SettingsChange changes;

  @Inject
  TenantKeyResource(ApiKeys keys, SettingsChange changes) {
    this.keys = keys;
    this.changes = changes;
  }

  /** A tenant's keys. */
  @GET
  @Admin
  @Operation(summary = "A tenant's API keys")
  public KeyView.Keys list(@PathParam("tenant") String tenant) {
    return KeyView.Keys.of(keys.ofTenant(tenant));
  }

  /** Makes a key; the answer is the only time that its secrets are shown. */
  @POST
  @Admin
  @Operation(summary = "Make an API key; shown once")
  @APIResponse(
      responseCode = "201",
      description = "made; the only answer with its secrets",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyView.class)))
  public Response create(@PathParam("tenant") String tenant, @Nullable KeyRequest body) {
    return KeyView.made(keys.create(tenant, KeyRequest.settings(body)));
  }

  /** Changes those of a key's settings that are given. */
  @PATCH
  @Admin
  @Path("/{id}")
  @Operation(summary = "Change an API key's settings, or suspend it")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyRequest.class)))
  public KeyView change(
      @PathParam("tenant") String tenant, @PathParam("id") String id, @Nullable String body) {
    return KeyView.of(
        keys.change(
            tenant,
            Parameters.uuid("a key's id", id),
            before ->
                KeyRequest.settings(
                    changes.merged(KeyRequest.class, KeyRequest.of(before), body, id))));
  }

  /** Ends a key. */
  @DELETE
  @Admin
  @Path("/{id}")
  @Operation(summary = "Revoke an API key")
  public KeyView revoke(@PathParam("tenant") String tenant, @PathParam("id") String id) {
    return KeyView.of(keys.revoke(tenant, Parameters.uuid("a key's id", id)));
  }
}
