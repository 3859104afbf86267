package io.klingtracker.callback;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.database.GroupCommitConfig;
import io.klingtracker.http.HttpParts;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.DeadClaims;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.task.Tasks;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.Settings;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.SelfTests;
import io.klingtracker.upstream.UnnamedIds;
import io.klingtracker.upstream.UpstreamParts;
import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jdbi.v3.core.Jdbi;

/** The receiver below its route, over a test's database. */
public final class CallbackParts implements AutoCloseable {

  private final CallbackIntake intake;
  private final CallbackProcessor processor;
  private final ExecutorService executor = Executors.newFixedThreadPool(4);
  private final Loops loops = new Loops();
  private final Jdbi jdbi;
  private final Clock clock;
  public final SetAside setAside;
  final ReceiptStore receipts;
  final PendingStore pending;
  final ReceiptWriter writer;

  public CallbackParts(
      Jdbi jdbi, Clock clock, Tasks tasks, UpstreamParts upstream, Map<String, String> settings) {
    this(jdbi, clock, tasks, upstream, settings, CallbackProcessor.BATCH, ReceiptWriter.WRITERS);
  }

  /** With other bounds than the service's. */
  CallbackParts(
      Jdbi jdbi,
      Clock clock,
      Tasks tasks,
      UpstreamParts upstream,
      Map<String, String> settings,
      int batch,
      int writers) {
    CallbackConfig config = Settings.of(CallbackConfig.class, settings);
    this.jdbi = jdbi;
    this.clock = clock;
    this.receipts = new ReceiptStore(jdbi);
    this.pending = new PendingStore(jdbi, clock, new ReplicaId());
    this.setAside = new SetAside(jdbi, clock);
    CallbackSettler settler =
        new CallbackSettler(
            jdbi,
            pending,
            new ProofStore(jdbi, clock),
            new UnnamedIds(jdbi),
            setAside,
            tasks,
            upstream.plan,
            upstream.reports,
            new NotifyingEvent<>(asked -> {}),
            config,
            clock);
    this.processor =
        new CallbackProcessor(
            jdbi,
            pending,
            settler,
            setAside,
            upstream.reports,
            batch,
            DeadClaims.silent(jdbi),
            loops);
    this.writer =
        new ReceiptWriter(
            receipts,
            tasks,
            processor,
            config,
            Settings.of(GroupCommitConfig.class, settings),
            writers);
    this.intake =
        new CallbackIntake(
            receipts,
            writer,
            Settings.of(KlingConfig.class, settings),
            new ObjectMapper(),
            clock,
            upstream.meters);
  }

  /** The answer's HTTP status. */
  public int receive(String taskId, String body, String id, String timestamp, String signature) {
    try {
      take(taskId, body, id, timestamp, signature).join();
      return 200;
    } catch (ProblemException e) {
      return e.code().klingHttpStatus();
    } catch (CompletionException e) {
      return ((ProblemException) e.getCause()).code().klingHttpStatus();
    }
  }

  /** Ends when it is durable; waits itself only when its caller is the one who writes. */
  CompletableFuture<Void> take(
      String taskId, String body, String id, String timestamp, String signature) {
    CallbackHeaders headers =
        new CallbackHeaders(id, timestamp, signature, "application/json", "test");
    return intake
        .receive(taskId, headers, body.getBytes(StandardCharsets.UTF_8))
        .toCompletableFuture();
  }

  /** Works off what is stored. */
  public boolean workOff() {
    return processor.runOnce();
  }

  /** The route, on a port of its own without Quarkus. */
  public int listen(Vertx vertx, CallbackTarget target, Map<String, String> settings) {
    HttpParts http = new HttpParts(vertx, settings);
    Router router = http.router();
    new CallbackRoute(
            target,
            intake,
            new SelfTestCallbacks(
                new SelfTests(jdbi, new ObjectMapper(), target),
                Settings.of(KlingConfig.class, settings),
                clock),
            http.bodies(),
            executor)
        .register(router);
    return http.listen(router);
  }

  /** Works off in a thread of its own from now on. */
  public void start() {
    loops.start();
  }

  @Override
  public void close() {
    loops.close();
    writer.close();
    executor.shutdown();
  }
}
