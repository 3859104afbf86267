package io.klingtracker.secret;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.secret.Secrets.SealedUnder;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * The sealed values in the database. A start under a secret that opens none of them is refused,
 * before anything is written; what a previous secret sealed is sealed again under the current one,
 * so that the previous one can be taken out. See ADR 41.
 */
@Singleton
class SealedValues {

  private static final Logger LOG = Logger.getLogger(SealedValues.class);

  /**
   * After the migrations, and before the first tenant is made, whose key would be sealed under a
   * wrong secret.
   */
  private static final int EARLY = 3;

  /** Values that are tried at the start, of each place the newest that are in use. */
  private static final int TRIED = 5;

  /** Values read at a time, a few hundred bytes each. */
  private static final int PAGE = 500;

  /** Another replica may have sealed something under its own current secret meanwhile. */
  private static final Duration EVERY = Duration.ofHours(1);

  /**
   * A column of sealed values.
   *
   * @param key the table's primary key; its order is that of pages alone
   * @param type the key's type
   * @param least below every key
   * @param live the rows that somebody still uses
   */
  record Place(String table, String key, String type, String least, String column, String live) {

    String newest() {
      return "select %s from %s where %s is not null and %s order by created_at desc limit %s"
          .formatted(column, table, column, live, TRIED);
    }

    String page() {
      return "select %s::text as key, %s as sealed from %s where %s > cast(:after as %s) and %s is not null order by %s limit %s"
          .formatted(key, column, table, key, type, column, key, PAGE);
    }

    /** Unless somebody else has changed it. */
    String replace() {
      return "update %s set %s = :now where %s = cast(:key as %s) and %s = :before"
          .formatted(table, column, key, type, column);
    }
  }

  /** All of them; a test finds one that is forgotten here. */
  static final List<Place> PLACES =
      List.of(
          new Place(
              "api_key",
              "id",
              "uuid",
              "00000000-0000-0000-0000-000000000000",
              "secret_sealed",
              "revoked_at is null"),
          new Place("webhook_secret", "id", "bigint", "0", "sealed", "expires_at is null"));

  private record Row(String key, byte[] sealed) {}

  private final Jdbi jdbi;
  private final Secrets secrets;

  /** As of the last pass; null before the first. */
  private volatile @Nullable Map<SealedUnder, Long> found;

  @Inject
  SealedValues(Jdbi jdbi, Secrets secrets, Loops loops, MeterRegistry meters) {
    this.jdbi = jdbi;
    this.secrets = secrets;
    for (SealedUnder under : SealedUnder.values()) {
      Gauge.builder("tracker.secrets.sealed", this, values -> values.count(under))
          .description("Stored secrets by what they are sealed under, as of the last pass")
          .tag("under", under.name().toLowerCase(Locale.ROOT))
          .register(meters);
    }
    FunctionCounter.builder("tracker.secrets.previous.used", secrets, Secrets::previousUses)
        .description("Tokens and cursors that only tracker.previous-secrets has verified")
        .register(meters);
    loops.add(WorkLoop.named("sealed-values").every(EVERY).work(this::runOnce));
  }

  /**
   * Stops the start under a wrong secret.
   *
   * @throws ConfigurationException which Quarkus prints as one line, and exits with 1
   */
  void onStart(@Observes @Priority(EARLY) StartupEvent start) {
    if (!opensAny()) {
      throw new ConfigurationException(
          "Kling Task Tracker cannot start: tracker.secret opens none of the secrets in the database, which another one"
              + " has sealed; set that one as tracker.previous-secrets");
    }
  }

  /** Whether any of the newest values can be opened, or there are none. */
  boolean opensAny() {
    List<byte[]> newest = new ArrayList<>();
    jdbi.useHandle(
        handle ->
            PLACES.forEach(
                place ->
                    newest.addAll(handle.createQuery(place.newest()).mapTo(byte[].class).list())));
    return newest.isEmpty()
        || newest.stream().anyMatch(value -> secrets.sealedUnder(value) != SealedUnder.NONE);
  }

  /** One pass over everything. */
  boolean runOnce() {
    Map<SealedUnder, Long> counts = new EnumMap<>(SealedUnder.class);
    long sealedAgain = 0;
    for (Place place : PLACES) {
      String after = place.least();
      List<Row> page;
      do {
        page = page(place, after);
        for (Row row : page) {
          SealedUnder under = secrets.sealedUnder(row.sealed());
          if (under == SealedUnder.PREVIOUS && sealAgain(place, row)) {
            sealedAgain++;
            under = SealedUnder.CURRENT;
          }
          counts.merge(under, 1L, Long::sum);
          after = row.key();
        }
      } while (page.size() == PAGE);
    }
    found = counts;
    report(sealedAgain, counts);
    return false;
  }

  private double count(SealedUnder under) {
    Map<SealedUnder, Long> counts = found;
    return counts == null ? Double.NaN : counts.getOrDefault(under, 0L);
  }

  private void report(long sealedAgain, Map<SealedUnder, Long> counts) {
    if (sealedAgain > 0) {
      LOG.infof(
          "sealed %d stored secrets again under tracker.secret; %d are left under tracker.previous-secrets",
          sealedAgain, counts.getOrDefault(SealedUnder.PREVIOUS, 0L));
    }
    long lost = counts.getOrDefault(SealedUnder.NONE, 0L);
    if (lost > 0) {
      LOG.warnf(
          "%d stored secrets open with neither tracker.secret nor tracker.previous-secrets; their owners' signatures fail",
          lost);
    }
  }

  private List<Row> page(Place place, String after) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(place.page())
                .bind("after", after)
                .map((row, context) -> new Row(row.getString("key"), row.getBytes("sealed")))
                .list());
  }

  /** False when it has been changed meanwhile; the next pass sees it. */
  private boolean sealAgain(Place place, Row row) {
    return jdbi.withHandle((Handle handle) -> sealAgain(handle, place, row)) == 1;
  }

  private int sealAgain(Handle handle, Place place, Row row) {
    return handle
        .createUpdate(place.replace())
        .bind("now", secrets.seal(secrets.open(row.sealed())))
        .bind("before", row.sealed())
        .bind("key", row.key())
        .execute();
  }
}
