package io.klingtracker.upstream;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.UpstreamRef;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
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

  private final Tasks tasks;
  private final RenderTimes times;
  private final CallbackStats stats;
  private final ResultHosts hosts;
  private final MeterRegistry meters;

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
      MeterRegistry meters) {
    this.tasks = tasks;
    this.times = times;
    this.stats = stats;
    this.hosts = new ResultHosts(config.resultHosts());
    this.meters = meters;
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
    if (report.ended()) {
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

  /** The alarm that Kling, or somebody in its name, contradicts an end that was stored. */
  public void contradiction(String taskId, String account, String word, boolean proved) {
    LOG.errorf(
        "taskId=%s account=%s Kling contradicts its own end: now %s%s; the first end counts",
        taskId, account, word, proved ? "" : " (unproved)");
    meters
        .counter(
            "tracker.kling.contradictions", "account", account, "proved", Boolean.toString(proved))
        .increment();
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
      meters.counter("tracker.kling.result.strangers", "account", report.account()).increment();
    }
  }
}
