package io.klingtracker.klingapi;

import io.klingtracker.rules.Catalog;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** The models a caller may name. */
@Path("/v1/models")
@Produces(MediaType.APPLICATION_JSON)
public class ModelResource {

  private final PublicModels models;
  private final CurrentCaller caller;

  @Inject
  ModelResource(PublicModels models, CurrentCaller caller) {
    this.models = models;
    this.caller = caller;
  }

  /** Every public name. */
  public record Models(List<Catalog.Listed> models) {}

  /** Every public model name with what each path takes of it, from the rules that requests meet. */
  @GET
  @Needs(Scope.READ)
  @Operation(summary = "Models and what they accept")
  public Models list() {
    return new Models(Catalog.models(models.of(caller)));
  }
}
