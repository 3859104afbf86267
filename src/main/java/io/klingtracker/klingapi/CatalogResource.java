package io.klingtracker.klingapi;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.CatalogChanged;
import io.klingtracker.catalog.CatalogOverlay;
import io.klingtracker.tenant.Admin;
import io.klingtracker.tenant.AuditLog;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.interceptor.Interceptor;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** The catalogue that requests meet, and what the file over the built-in one changes. */
@Path(CatalogResource.PATH)
@Produces(MediaType.APPLICATION_JSON)
@Singleton
public class CatalogResource {

  private static final Logger LOG = Logger.getLogger(CatalogResource.class);

  private static final String FILE = "tracker.catalog.file";
  static final String PATH = "/admin/v1/catalog";

  private final AuditLog audit;
  private final CatalogOverlay overlay;

  /**
   * The resource.
   *
   * @param overlay made with this, at the start: before anybody asks what Kling takes
   */
  @Inject
  CatalogResource(AuditLog audit, CatalogOverlay overlay) {
    this.audit = audit;
    this.overlay = overlay;
  }

  /** Before anybody asks what Kling takes. */
  void onStart(@Observes @Priority(Interceptor.Priority.PLATFORM_BEFORE) StartupEvent start) {
    LOG.debugf("catalogue %s", Catalog.current().version());
  }

  /** With a database: a file that was edited while nothing ran is a change like another. */
  void onStarted(@Observes StartupEvent start) {
    Catalog catalog = Catalog.current();
    String detail =
        "%s from a start on: %s".formatted(catalog.version(), places(catalog.changes()));
    if (audit.notedIfNew(FILE, PATH, overlay.state(), CatalogOverlay.NOTHING, detail)) {
      LOG.infof("catalogue %s from this start on; another was used last", catalog.version());
    }
  }

  /**
   * The catalogue in use.
   *
   * @param version the built-in one's, and after a plus what lies over it
   * @param builtIn the version that this service brings with it
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record CatalogView(String version, String builtIn, List<Change> changes) {}

  /**
   * A difference to the built-in catalogue.
   *
   * @param place where in the file, as names
   * @param builtIn what is there without it; null for nothing
   * @param overlay what it says instead
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Change(String place, @Nullable String builtIn, String overlay) {}

  /** Its version and every difference. */
  @GET
  @Admin
  @Operation(summary = "The catalogue's version, and what its file changes")
  public CatalogView view() {
    Catalog catalog = Catalog.current();
    return new CatalogView(
        catalog.version(),
        Catalog.builtIn().version(),
        catalog.changes().stream()
            .map(change -> new Change(change.place(), change.builtIn(), change.overlay()))
            .toList());
  }

  void onChange(@Observes CatalogChanged changed) {
    audit.noted(
        FILE,
        PATH,
        "%s: %s to %s: %s%s"
            .formatted(
                changed.state(),
                changed.before(),
                changed.after(),
                changed.gone().isEmpty()
                    ? ""
                    : "no more " + String.join(", ", changed.gone()) + "; ",
                places(changed.changes())));
  }

  private static String places(List<Catalog.Change> changes) {
    return changes.isEmpty()
        ? "as built in"
        : String.join(", ", changes.stream().map(Catalog.Change::place).toList());
  }
}
