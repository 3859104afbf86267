package io.klingtracker.upstream;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.UpstreamRef;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * What is learnt from news beside the task's status: how long renders take, how well callbacks
 * come, that Kling contradicts itself, that a result lies at a strange host. None of it may hold up
 * or fail the news.
 */
@Singleton
public class Reports {

  private static final Logger LOG = Logger.getLogger(Reports.class);

  /** A minute is the promise. */
  private static final Duration[] BOUNDS =
      Stream.of(1, 5, 10, 30, 60, 300, 600, 3600).map(Duration::ofSeconds).toArray(Duration[]::new);

  private final Tasks tasks;
  private final RenderTimes times;
  private final CallbackStats stats;
  private final ResultHosts hosts;
  private final Clock clock;
  private final MeterRegistry meters;
  private final Timer learnt;
  private final Set<String> metered = ConcurrentHashMap.newKeySet();

  /**
   * News and what it did.
   *
   * @param leadMillis how much sooner a callback reported it than we would have asked; null when we
   *     asked
   * @param proved whether it certainly came from Kling
   */
  public record Report(
      UpstreamRef task,
      Source source,
      KlingNews news,
      Outcome outcome,
      @Nullable Long leadMillis,
      boolean proved) {

    private String taskId() {
      return task.taskId();
    }

    private String account() {
      return task.account();
    }

    private boolean ended() {
      return outcome instanceof Outcome.Moved moved && moved.change().status().isFinal();
    }
  }

  @Inject
  Reports(
      Tasks tasks,
      RenderTimes times,
      CallbackStats stats,
      ResultConfig config,
      Clock clock,
      MeterRegistry meters) {
    this.tasks = tasks;
    this.times = times;
    this.stats = stats;
    this.hosts = new ResultHosts(config.resultHosts());
    this.clock = clock;
    this.meters = meters;
    this.learnt =
        Timer.builder("tracker.kling.end.to.change")
            .description("From a task's end, as Kling dates it, until that was stored")
            .serviceLevelObjectives(BOUNDS)
            .register(meters);
  }

  /** Books a batch; one that cannot be booked is left out. */
  public void book(List<Report> reports) {
    List<CallbackStats.End> ends = new ArrayList<>();
    Set<String> sampled = new HashSet<>();
    try {
      Batch.each(
          reports,
          report -> book(report, ends, sampled),
          (report, failure) -> unbooked(report.taskId(), failure));
      Batch.apply(ends, stats::ended, (end, failure) -> unbooked(end.taskId(), failure));
    } catch (RuntimeException e) {
      LOG.warnf("%d reports were not booked: %s", reports.size(), SetAside.reason(e));
    }
  }

  private static void unbooked(String taskId, RuntimeException failure) {
    LOG.warnf("taskId=%s a report was not booked: %s", taskId, SetAside.reason(failure));
  }

  private void book(Report report, List<CallbackStats.End> ends, Set<String> sampled) {
    meter(report.account());
    if (report.ended()) {
      learnt(report);
      ends.add(new CallbackStats.End(report.taskId(), report.account(), report.leadMillis()));
      Duration took = report.news().renderTime();
      // One sample of each model from a batch is enough, and bounds what is written.
      if (took != null && sampled.add(report.task().kind() + "/" + report.task().model())) {
        times.add(report.task().kind(), report.task().model(), took);
      }
      flagStrangers(report);
    } else if (report.outcome() instanceof Outcome.Ignored ignored) {
      if (ignored.reason().equals("contradicts")) {
        contradiction(report.taskId(), report.account(), report.news().word(), report.proved());
      }
      if (report.source() == Source.CALLBACK && report.news().status().isFinal()) {
        stats.cameLate(report.taskId());
      }
    }
  }

  /** So that the first one is seen as a change of a count. */
  private void meter(String account) {
    if (metered.add(account)) {
      contradictions(account, true);
      contradictions(account, false);
      strangers(account);
    }
  }

  private Counter contradictions(String account, boolean proved) {
    return Counter.builder("tracker.kling.contradictions")
        .description("Times that Kling, or somebody in its name, contradicted an end")
        .tags("account", account, "proved", Boolean.toString(proved))
        .register(meters);
  }

  private Counter strangers(String account) {
    return Counter.builder("tracker.kling.result.strangers")
        .description("Results with a URL outside kling.result-hosts")
        .tag("account", account)
        .register(meters);
  }

  /** By Kling's clock and ours; ends that Kling does not date are left out. */
  private void learnt(Report report) {
    Instant end = report.news().updatedAt();
    if (end != null) {
      Duration since = Duration.between(end, clock.instant());
      learnt.record(since.isNegative() ? Duration.ZERO : since);
    }
  }

  /** The alarm that Kling, or somebody in its name, contradicts an end that was stored. */
  public void contradiction(String taskId, String account, String word, boolean proved) {
    LOG.errorf(
        "taskId=%s account=%s Kling contradicts its own end: now %s%s; the first end counts",
        taskId, account, word, proved ? "" : " (unproved)");
    contradictions(account, proved).increment();
  }

  /** An unproved callback that Kling, when asked, did not confirm. */
  public void untrue(String taskId, String account, String word) {
    LOG.warnf("taskId=%s account=%s Kling does not confirm a callback: %s", taskId, account, word);
    try {
      stats.wrong(account);
    } catch (RuntimeException e) {
      LOG.warnf("taskId=%s a wrong callback was not booked: %s", taskId, e.getMessage());
    }
  }

  private void flagStrangers(Report report) {
    String result = report.news().result();
    if (result == null) {
      return;
    }
    Set<String> strangers = hosts.strangers(result);
    if (!strangers.isEmpty()) {
      tasks.note(
          report.taskId(),
          report.source(),
          report.news().word(),
          "result-host",
          "the result lies at " + String.join(", ", strangers) + "; see kling.result-hosts");
      strangers(report.account()).increment();
    }
  }
}
