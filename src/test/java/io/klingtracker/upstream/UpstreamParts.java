package io.klingtracker.upstream;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.secret.Secrets;
import io.klingtracker.task.Tasks;
import io.klingtracker.testing.Settings;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;

/** What callback and reconcile share, over a test's database. */
public final class UpstreamParts {

  public final MeterRegistry meters = new SimpleMeterRegistry();
  public final KlingConfig kling;
  public final KnownModels models;
  public final RenderTimes times;
  public final CallbackStats stats;
  public final UpstreamConfig config;
  public final CheckPlan plan;
  public final Reports reports;

  public UpstreamParts(Jdbi jdbi, Clock clock, Tasks tasks, Map<String, String> settings) {
    this.kling = kling(settings);
    this.models = new KnownModels(kling);
    this.times = new RenderTimes(jdbi, clock, models);
    this.stats = new CallbackStats(jdbi, clock, meters);
    this.config = Settings.of(UpstreamConfig.class, settings);
    this.plan = new CheckPlan(config, times, stats, clock);
    this.reports =
        new Reports(tasks, times, stats, Settings.of(ResultConfig.class, settings), clock, meters);
  }

  private static KlingConfig kling(Map<String, String> settings) {
    Map<String, String> all = new HashMap<>();
    all.put("kling.accounts.default.api-key", "key");
    all.putAll(settings);
    return Settings.of(KlingConfig.class, all);
  }

  /** The same, for a test that cares for no secret. */
  public static CallbackTarget target() {
    return new CallbackTarget(
        new Secrets("0123456789abcdef0123456789abcdef", List.of()),
        Settings.of(
            UpstreamConfig.class, Map.of("tracker.public-url", "https://tracker.example.com")));
  }

  /** The URLs that Kling is given. */
  public CallbackTarget target(String secret, String... previous) {
    return new CallbackTarget(new Secrets(secret, List.of(previous)), config);
  }
}
