package io.klingtracker.upstream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * How long Kling's renders took lately, by kind and known model: a ring of samples in the database,
 * so that a restart forgets nothing and replicas learn from one another, and its quantiles in
 * memory.
 */
@Singleton
public class RenderTimes {

  /** Samples kept of each kind and model. A new one takes a random place. */
  private static final int RING = 200;

  /** With fewer samples than this nothing is said. */
  private static final int ENOUGH = 20;

  private static final Duration REFRESH = Duration.ofSeconds(30);

  private static final String KEEP =
      """
      insert into sample (series, name, model, slot, millis, at)
      values ('render', :kind, :model, :slot, :millis, :now)
      on conflict (series, name, model, slot) do update set millis = excluded.millis, at = excluded.at
      """;

  private static final String QUANTILES =
      """
      select name as kind, model, count(*) as samples,
        percentile_disc(0.5) within group (order by millis) as p50,
        percentile_disc(0.95) within group (order by millis) as p95
      from sample where series = 'render' group by name, model
      """;

  private final Jdbi jdbi;
  private final Clock clock;
  private final KnownModels models;
  private final RandomGenerator random = RandomGenerator.getDefault();
  private volatile Map<Key, Quantiles> known = Map.of();
  private volatile Instant refreshAt = Instant.MIN;

  private record Key(String kind, String model) {}

  /**
   * What share of renders is done after how long.
   *
   * @param half after this, half of them
   * @param most after this, 95 of a hundred
   */
  public record Quantiles(Duration half, Duration most) {}

  @Inject
  RenderTimes(Jdbi jdbi, Clock clock, KnownModels models) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.models = models;
  }

  /** Remembers one render. */
  public void add(String kind, @Nullable String upstreamModel, Duration took) {
    if (took.isNegative()) {
      return;
    }
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(KEEP)
                .bind("kind", kind)
                .bind("model", models.of(upstreamModel))
                .bind("slot", random.nextInt(RING))
                .bind("millis", took.toMillis())
                .bind("now", clock.instant())
                .execute());
  }

  /** Empty until enough renders of this kind and model were seen. */
  public Optional<Quantiles> of(String kind, @Nullable String upstreamModel) {
    if (!clock.instant().isBefore(refreshAt)) {
      refresh();
    }
    return Optional.ofNullable(known.get(new Key(kind, models.of(upstreamModel))));
  }

  private synchronized void refresh() {
    Instant now = clock.instant();
    if (now.isBefore(refreshAt)) {
      return;
    }
    // Set first: a database that is away is not asked again by every caller.
    refreshAt = now.plus(REFRESH);
    Map<Key, Quantiles> fresh = new HashMap<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(QUANTILES)
                .map(
                    (row, context) -> {
                      if (row.getInt("samples") >= ENOUGH) {
                        fresh.put(
                            new Key(row.getString("kind"), row.getString("model")),
                            new Quantiles(
                                Duration.ofMillis(row.getLong("p50")),
                                Duration.ofMillis(row.getLong("p95"))));
                      }
                      return row.getString("kind");
                    })
                .list());
    known = Map.copyOf(fresh);
  }
}
