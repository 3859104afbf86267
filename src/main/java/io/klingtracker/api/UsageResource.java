package io.klingtracker.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.task.Cost;
import io.klingtracker.task.Usage.By;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Scope;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.math.BigDecimal;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What the caller's tenant used. */
@Path("/v1/usage")
@Produces(MediaType.APPLICATION_JSON)
public class UsageResource {

  private static final Set<By> WORDS = EnumSet.of(By.DAY, By.MODEL, By.KEY);

  private final UsageReports reports;
  private final CurrentCaller caller;

  @Inject
  UsageResource(UsageReports reports, CurrentCaller caller) {
    this.reports = reports;
    this.caller = caller;
  }

  /** One line; it has what the report is split by. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @Schema(name = "Line1")
  public record Line(
      @JsonInclude(JsonInclude.Include.NON_NULL) @Schema(description = "in administrators' reports")
          @Nullable String tenant,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String day,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String model,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String key,
      long tasks,
      long succeeded,
      long failed,
      long canceled,
      long calls,
      BigDecimal units,
      Cost cost) {}

  /** A report. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Report(String from, String to, List<Line> usage) {}

  /** Tasks and units from {@code from} until before {@code to}; the last 30 days if left out. */
  @GET
  @Needs(Scope.READ)
  @Operation(summary = "Tasks and units, by day, model and key")
  public Report report(
      @QueryParam("from") @Nullable String from,
      @QueryParam("to") @Nullable String to,
      @QueryParam("group_by") @Nullable String groupBy) {
    return reports.of(caller.tenant(), from, to, groupBy, WORDS);
  }
}
