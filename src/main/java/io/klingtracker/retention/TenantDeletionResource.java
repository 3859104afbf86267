package io.klingtracker.retention;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.CountedAct;
import io.klingtracker.request.Parameters;
import io.klingtracker.retention.TenantDeletionStore.Left;
import io.klingtracker.tenant.Admin;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Tenants;
import jakarta.inject.Inject;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** Deletion of tenants, for administrators. */
@Path("/admin/v1/tenants")
@Produces(MediaType.APPLICATION_JSON)
public class TenantDeletionResource {

  private final Tenants tenants;
  private final TenantDeletionStore store;
  private final TenantDeletion deletion;
  private final CurrentCaller caller;

  @Inject
  TenantDeletionResource(
      Tenants tenants, TenantDeletionStore store, TenantDeletion deletion, CurrentCaller caller) {
    this.tenants = tenants;
    this.store = store;
    this.deletion = deletion;
    this.caller = caller;
  }

  /**
   * Counts a tenant's tasks, and deletes it with them once their number is confirmed. What one
   * answer has no time for is done after it.
   */
  @DELETE
  @Admin
  @Path("/{tenant}")
  @Operation(summary = "Delete a tenant with everything that is its own; counts its tasks first")
  public CountedAct.Answer delete(
      @PathParam("tenant") String tenant,
      @QueryParam("drain") @Nullable String drain,
      @QueryParam("confirm") @Nullable String confirm) {
    boolean awaits = Parameters.flag("drain", drain);
    int number = Parameters.number("confirm", confirm, -1, 0, Integer.MAX_VALUE);
    boolean deleting = tenants.get(tenant).deleting();
    Left left = store.left(tenant);
    if (left.underWay() > 0 && !awaits && !deleting) {
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "%s of its tasks have not ended, of which %s wait with nothing sent; wait for them, or add drain=true: what waits is canceled, and the others are awaited"
              .formatted(left.underWay(), left.waiting()));
    }
    if (!CountedAct.isConfirmed(number < 0 ? null : number, left.tasks())) {
      return new CountedAct.Answer(left.tasks(), 0);
    }
    caller.audit("deletes it with " + left.tasks() + " tasks");
    tenants.beginDeletion(tenant);
    int done = 0;
    int step = 1;
    while (step > 0 && done < CountedAct.MOST) {
      step = deletion.erase(tenant);
      done += step;
    }
    return new CountedAct.Answer(left.tasks(), Math.min(done, left.tasks()));
  }
}
