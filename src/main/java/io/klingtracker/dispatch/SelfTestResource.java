package io.klingtracker.dispatch;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.tenant.Admin;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.KlingAccounts;
import io.klingtracker.upstream.SelfTests;
import io.klingtracker.upstream.SelfTests.Check;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** Whether an account would work, before tasks depend on it. */
@Path("/admin/v1/accounts/{name}/self-test")
@Produces(MediaType.APPLICATION_JSON)
public class SelfTestResource {

  private final KlingAccounts accounts;
  private final SelfTest test;
  private final SelfTests tests;
  private final Clock clock;

  @Inject
  SelfTestResource(KlingAccounts accounts, SelfTest test, SelfTests tests, Clock clock) {
    this.accounts = accounts;
    this.test = test;
    this.tests = tests;
    this.clock = clock;
  }

  /**
   * What was found.
   *
   * @param checks as of the last test; {@code callback} among them once a test callback has come
   * @param callback where Kling's console is to send its test callback
   */
  public record View(List<Check> checks, String callback) {}

  /** Asks Kling, as long as that takes, and keeps the answer. */
  @POST
  @Admin
  @Operation(summary = "Test an account: credentials, clock, reachability, packs")
  public View run(@PathParam("name") String name) {
    known(name);
    tests.save(name, clock.instant(), test.run(name));
    return view(name);
  }

  /** What the last test found, and the last test callback. */
  @GET
  @Admin
  @Operation(summary = "The last test of an account, and the last test callback")
  public View last(@PathParam("name") String name) {
    known(name);
    return view(name);
  }

  private View view(String name) {
    SelfTests.State state = tests.of(name);
    List<Check> checks = new ArrayList<>(state.checks());
    Instant at = state.callbackAt();
    if (at != null) {
      checks.add(
          new Check(
              "callback",
              state.callbackOk(),
              "came at " + Rfc3339.format(at) + ", " + state.callbackDetail()));
    }
    return new View(checks, tests.callbackUrl(name));
  }

  private void known(String name) {
    if (accounts.one(name).isEmpty()) {
      throw new ProblemException(ErrorCode.NOT_FOUND, "no account is called " + name);
    }
  }
}
