package io.klingtracker.api;

import io.klingtracker.api.UsageResource.Report;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.Usage.By;
import io.klingtracker.tenant.Admin;
import io.klingtracker.tenant.Tenants;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.util.EnumSet;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** What tenants used, for administrators. */
@Path("/admin/v1/usage")
@Produces(MediaType.APPLICATION_JSON)
public class AdminUsageResource {

  private final UsageReports reports;
  private final Tenants tenants;

  @Inject
  AdminUsageResource(UsageReports reports, Tenants tenants) {
    this.reports = reports;
    this.tenants = tenants;
  }

  /** As a tenant's own report, of one tenant or of all. */
  @GET
  @Admin
  @Operation(summary = "Tasks and units of tenants, by tenant, day, model and key")
  public Report report(
      @QueryParam("tenant") @Nullable String tenant,
      @QueryParam("from") @Nullable String from,
      @QueryParam("to") @Nullable String to,
      @QueryParam("group_by") @Nullable String groupBy) {
    String one = Parameters.text("tenant", Parameters.given(tenant));
    return reports.of(
        one == null ? null : tenants.get(one).id(), from, to, groupBy, EnumSet.allOf(By.class));
  }
}
