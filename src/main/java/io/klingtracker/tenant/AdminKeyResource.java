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

/** Administrators' keys, for administrators. */
@Path("/admin/v1/keys")
@Tag(ref = "Admin Tenant Resource")
@Produces(MediaType.APPLICATION_JSON)
public class AdminKeyResource {

  private final ApiKeys keys;
  private final SettingsChange changes;

  @Inject
  AdminKeyResource(ApiKeys keys, SettingsChange changes) {
    this.keys = keys;
    this.changes = changes;
  }

  /** Administrators' keys. */
  @GET
  @Admin
  @Operation(summary = "Administrators' keys")
  public KeyView.Keys list() {
    return KeyView.Keys.of(keys.adminKeys());
  }

  /** Makes a key for an administrator. */
  @POST
  @Admin
  @Operation(summary = "Make an administrator's key; shown once")
  @APIResponse(
      responseCode = "201",
      description = "made; the only answer with the key",
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyView.class)))
  public Response create(@Nullable KeyRequest body) {
    ApiKeys.KeySettings settings = KeyRequest.settings(body);
    return KeyView.made(keys.createAdminKey(settings.name(), settings.expiresAt()));
  }

  /** Changes an administrator's key. */
  @PATCH
  @Admin
  @Path("/{id}")
  @Operation(summary = "Change an administrator's key: name, end, suspended")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = KeyRequest.class)))
  public KeyView change(@PathParam("id") String id, @Nullable String body) {
    return KeyView.of(
        keys.changeAdminKey(
            Parameters.uuid("a key's id", id),
            before ->
                KeyRequest.settings(
                    changes.merged(KeyRequest.class, KeyRequest.of(before), body, id))));
  }

  /** Ends an administrator's key. */
  @DELETE
  @Admin
  @Path("/{id}")
  @Operation(summary = "Revoke an administrator's key")
  public KeyView revoke(@PathParam("id") String id) {
    return KeyView.of(keys.revokeAdminKey(Parameters.uuid("a key's id", id)));
  }
}
