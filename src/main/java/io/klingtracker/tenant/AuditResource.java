package io.klingtracker.tenant;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.request.Parameters;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What administrators did. It can be read here and changed nowhere. */
@Path("/admin/v1/audit")
@Produces(MediaType.APPLICATION_JSON)
public class AuditResource {

  private static final int DEFAULT_LIMIT = 50;
  private static final int MAX_LIMIT = 200;

  private final AuditLog log;

  @Inject
  AuditResource(AuditLog log) {
    this.log = log;
  }

  /** Lines, newest first, and where the next page begins. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "Page")
  public record Page(List<AuditLog.Entry> entries, @Nullable Long nextBefore) {}

  /** The log, newest first. */
  @GET
  @Admin
  @Operation(summary = "What administrators did")
  public Page page(
      @QueryParam("before") @Nullable String before, @QueryParam("limit") @Nullable String limit) {
    int size = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    List<AuditLog.Entry> page =
        log.page(Parameters.whole("before", before, Long.MAX_VALUE, 0, Long.MAX_VALUE), size);
    return new Page(page, page.size() < size ? null : page.get(size - 1).id());
  }
}
