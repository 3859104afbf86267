package io.klingtracker.klingapi;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.CatalogDocs;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Clock;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** The models a caller may name. */
@Path("/v1/models")
@Produces(MediaType.APPLICATION_JSON)
public class ModelResource {

  private final PublicModels models;
  private final CurrentCaller caller;
  private final Clock clock;

  @Inject
  ModelResource(PublicModels models, CurrentCaller caller, Clock clock) {
    this.models = models;
    this.caller = caller;
    this.clock = clock;
  }

  /**
   * Every public name.
   *
   * @param version of the catalogue: the built-in one's, and after a plus what lies over it
   */
  public record Models(String version, List<CatalogDocs.Listed> models) {}

  /** Every public model name with what each path takes of it, from the rules that requests meet. */
  @GET
  @Needs(Scope.READ)
  @Operation(summary = "Models and what they accept")
  public Models list() {
    Catalog catalog = Catalog.current();
    LocalDate today = LocalDate.ofInstant(clock.instant(), ZoneOffset.UTC);
    return new Models(catalog.version(), CatalogDocs.models(catalog, models.of(caller), today));
  }
}
