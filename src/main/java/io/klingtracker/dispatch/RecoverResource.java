package io.klingtracker.dispatch;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.CountedAct;
import io.klingtracker.tenant.Admin;
import io.klingtracker.tenant.CurrentCaller;
import jakarta.inject.Inject;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** What an administrator does once after a restore. */
@Path("/admin/v1/recover")
@Produces(MediaType.APPLICATION_JSON)
public class RecoverResource {

  private final Recovery recovery;
  private final DispatchConfig config;
  private final CurrentCaller caller;

  @Inject
  RecoverResource(Recovery recovery, DispatchConfig config, CurrentCaller caller) {
    this.recovery = recovery;
    this.config = config;
    this.caller = caller;
  }

  /**
   * A confirmation.
   *
   * @param confirm how many tasks wait; left out, they are counted
   */
  public record RecoverRequest(@Nullable Integer confirm) {}

  /**
   * Counts the tasks that wait, and asks Kling about them, before any is dispatched, once their
   * number is confirmed.
   */
  @POST
  @Admin
  @Operation(
      summary = "After a restore: ask Kling about all that waits, then dispatch; counts first")
  public CountedAct.Answer recover(@Nullable RecoverRequest request) {
    int waiting = recovery.waiting();
    Integer confirm = request == null ? null : request.confirm();
    if (confirm != null && (config.enabled() || recovery.isDone())) {
      throw new ProblemException(
          ErrorCode.CONFLICT,
          "this replica dispatches, and what waits may be gone to Kling again by now; after a restore start one replica alone, with tracker.dispatch.enabled=false, and confirm there");
    }
    if (confirm != null && recovery.isUnderWay()) {
      throw new ProblemException(
          ErrorCode.CONFLICT, "a recovery is under way; tracker_recovery_left says how far it is");
    }
    if (!CountedAct.isConfirmed(confirm, waiting)) {
      return new CountedAct.Answer(waiting, 0);
    }
    caller.audit("asks Kling about " + waiting + " tasks");
    recovery.begin();
    return new CountedAct.Answer(waiting, waiting);
  }
}
