package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.PassthroughAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.DeadClaims;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.SameThread;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.UpstreamParts;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** One replica's dispatcher, wired by hand on a shared database, that can be killed. */
final class Replica implements AutoCloseable {

  final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  final DispatchMetrics metrics = new DispatchMetrics(meters);
  final DispatchConfig config;
  private final Duration looks;
  final Tasks tasks;
  final PoolStore pools;
  final SetAside setAside;
  final DispatchStore store;
  final ConfiguredAccounts accounts;
  final Dispatcher dispatcher;
  final Doubts doubts;
  final QueueExplainer explainer;
  final ModelSweep sweep;

  /** One pass of it ends with the last answer. */
  final ReconcileParts reconciler;

  private final ReconcileParts running;
  private final ExecutorService executor = Executors.newFixedThreadPool(4);
  private final Gate gate;
  private final Jdbi jdbi;
  private volatile @Nullable WorkLoop loop;

  Replica(Jdbi jdbi, Clock clock, Map<String, String> settings, KlingClient kling) {
    this(jdbi, clock, settings, kling, BodyRoomTest.room(256L << 20), Dispatcher.POLL);
  }

  Replica(
      Jdbi jdbi, Clock clock, Map<String, String> settings, KlingClient kling, BodyRoom bodies) {
    this(jdbi, clock, settings, kling, bodies, Dispatcher.POLL);
  }

  /** With loops that look this often on the wall, the reconciler's half as often. */
  Replica(Jdbi jdbi, Clock clock, Map<String, String> settings, KlingClient kling, Duration looks) {
    this(jdbi, clock, settings, kling, BodyRoomTest.room(256L << 20), looks);
  }

  private Replica(
      Jdbi jdbi,
      Clock clock,
      Map<String, String> settings,
      KlingClient kling,
      BodyRoom bodies,
      Duration looks) {
    this.looks = looks;
    SmallRyeConfig read = config(settings);
    this.jdbi = jdbi;
    this.config = read.getConfigMapping(DispatchConfig.class);
    this.gate = new Gate(kling);
    this.tasks = TasksOnDatabase.of(jdbi, clock, this::changed);
    UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, all(settings));
    this.setAside = new SetAside(jdbi, clock);
    this.pools = new PoolStore(jdbi, clock, new ConfiguredBackoff(config));
    FairQueue queue = new FairQueue(jdbi, pools, clock, bodies);
    this.store = new DispatchStore(jdbi, queue, pools, clock, bodies, new ReplicaId());
    this.accounts =
        new ConfiguredAccounts(pools, read.getConfigMapping(KlingConfig.class), config, clock);
    this.doubts = new Doubts(jdbi, setAside, clock);
    CreateSettler settler =
        new CreateSettler(
            store,
            accounts,
            tasks,
            doubts,
            new NotifyingEvent<>(asked -> {}),
            upstream.plan,
            config,
            metrics,
            clock);
    this.dispatcher =
        new Dispatcher(
            jdbi,
            store,
            bodies,
            setAside,
            accounts,
            settler,
            tasks,
            gate,
            upstream.target("replica-test-0123456789abcdef0123456789abcdef"),
            upstream.config,
            upstream.models,
            config,
            metrics,
            clock,
            executor);
    this.explainer =
        new QueueExplainer(
            new QueueReader(jdbi, tasks, clock),
            queue,
            tasks,
            pools,
            accounts,
            upstream.models,
            clock);
    this.reconciler =
        new ReconcileParts(jdbi, clock, tasks, upstream, gate, new SameThread(), all(settings));
    this.running =
        ReconcileParts.polling(
            looks.multipliedBy(2), jdbi, clock, tasks, upstream, gate, executor, all(settings));
    this.sweep = new ModelSweep(pools, upstream.models);
  }

  private static Map<String, String> all(Map<String, String> settings) {
    Map<String, String> all = new HashMap<>();
    all.put("tracker.public-url", "http://localhost:1");
    all.put("kling.accounts.default.base-url", "http://localhost:1");
    all.put("kling.accounts.default.api-key", "key");
    // So that a create in doubt is certain after tracker.dispatch.resend-after.
    all.put("kling.timeout.read", "5s");
    // Passes of one thread would wait for their turns.
    all.put("tracker.reconcile.rate", "1000000");
    all.putAll(settings);
    return all;
  }

  static SmallRyeConfig config(Map<String, String> settings) {
    return new SmallRyeConfigBuilder()
        .withMapping(DispatchConfig.class)
        .withMapping(KlingConfig.class)
        .withValidateUnknown(false)
        .withDefaultValues(all(settings))
        .addDiscoveredConverters()
        .build();
  }

  /** One pass of the dispatcher, and everything that comes of it. */
  void dispatch() {
    dispatcher.runOnce();
    settled();
  }

  /** Waits until nothing is under way. */
  void settled() {
    while (dispatcher.isBusy()) {
      LockSupport.parkNanos(100_000);
    }
  }

  /** Works until it is closed or killed. */
  Replica start() {
    WorkLoop started = WorkLoop.named("dispatcher-test").every(looks).work(dispatcher::runOnce);
    dispatcher.onSettled(started::wake);
    loop = started.start();
    running.start();
    return this;
  }

  void changed(TasksChanged changes) {
    WorkLoop started = loop;
    if (started != null) {
      started.wake();
    }
  }

  /**
   * As by kill -9: answers of Kling's that are under way reach nobody, and nothing more is sent.
   */
  void kill() {
    gate.shut = true;
    close();
    // The others see that it is dead.
    store.letGo(List.of());
    DeadClaims.free(jdbi, "open_task");
  }

  /**
   * Waits until the last of its threads has ended, which may have been in the middle of a
   * statement.
   */
  void awaitEnd() {
    try {
      assertTrue(executor.awaitTermination(1, TimeUnit.MINUTES), "it does not end");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    WorkLoop started = loop;
    if (started != null) {
      started.close();
    }
    running.stop();
    executor.shutdown();
  }

  static String submit(Tasks tasks, String tenant, String model, int priority) {
    return submit(tasks, tenant, model, priority, 1, null);
  }

  static String submit(
      Tasks tasks,
      String tenant,
      String model,
      int priority,
      int slots,
      @Nullable Instant deadline) {
    return GivenTask.of(tenant)
        .body("{\"model_name\":\"%s\",\"prompt\":\"a cat\"}".formatted(model))
        .model(model)
        .slots(slots)
        .priority(priority)
        .deadline(deadline)
        .submit(tasks);
  }

  /** Lets nothing through once it is shut. */
  private static final class Gate implements KlingClient {
    private final KlingClient kling;
    private volatile boolean shut;

    Gate(KlingClient kling) {
      this.kling = kling;
    }

    private <T> CompletionStage<T> unlessShut(CompletionStage<T> answer) {
      return answer.thenCompose(
          value -> shut ? new CompletableFuture<>() : CompletableFuture.completedFuture(value));
    }

    @Override
    public CompletionStage<CreateAnswer> create(
        String account, String path, String body, Instant notAfter) {
      return shut
          ? new CompletableFuture<>()
          : unlessShut(kling.create(account, path, body, notAfter));
    }

    @Override
    public CompletionStage<QueryAnswer> query(String account, String path) {
      return shut ? new CompletableFuture<>() : unlessShut(kling.query(account, path));
    }

    @Override
    public CompletionStage<PassthroughAnswer> forward(String account, String path, String body) {
      return kling.forward(account, path, body);
    }

    @Override
    public CompletionStage<ListAnswer> page(String account, String path, int page) {
      return unlessShut(kling.page(account, path, page));
    }

    @Override
    public CompletionStage<ListAnswer> created(
        String account, Instant from, Instant to, @Nullable String after) {
      return unlessShut(kling.created(account, from, to, after));
    }

    @Override
    public CompletionStage<ListAnswer> tasks(String account, Collection<String> ids) {
      return unlessShut(kling.tasks(account, ids));
    }

    @Override
    public CompletionStage<ListAnswer> tasksByExternalId(String account, Collection<String> ids) {
      return unlessShut(kling.tasksByExternalId(account, ids));
    }

    @Override
    public boolean takesIds(String account) {
      return kling.takesIds(account);
    }
  }
}
