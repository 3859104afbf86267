package io.klingtracker.retention;

import io.klingtracker.tenant.AuditLog;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the audit log in months: makes a place for those that come, and drops those that were over
 * long enough ago. No line is ever deleted or changed.
 */
@Singleton
class AuditMonths {

  private static final Logger LOG = Logger.getLogger(AuditMonths.class);

  /** How often it is looked. */
  static final Duration EVERY = Duration.ofHours(1);

  /** Months that have a place before they begin. */
  static final int AHEAD = 2;

  private final Jdbi jdbi;
  private final AuditLog audit;
  private final Clock clock;
  private final Optional<Duration> age;
  private final Counter removed;
  private @Nullable Instant lookedAt;

  @Inject
  AuditMonths(
      Jdbi jdbi, AuditLog audit, RetentionConfig config, Clock clock, MeterRegistry registry) {
    this.jdbi = jdbi;
    this.audit = audit;
    this.clock = clock;
    this.age = config.audit();
    this.removed = Retention.counter(registry, "audit-month");
  }

  /** Looks when it is time to; what fails is tried again then, and holds up nothing else. */
  void runOnce() {
    Instant now = clock.instant();
    Instant last = lookedAt;
    if (last != null && now.isBefore(last.plus(EVERY))) {
      return;
    }
    lookedAt = now;
    try {
      for (int month = 1; month <= AHEAD; month++) {
        add(now.atOffset(ZoneOffset.UTC).withDayOfMonth(1).plusMonths(month).toInstant());
      }
      age.ifPresent(kept -> drop(now.minus(kept)));
    } catch (RuntimeException e) {
      LOG.warnf("the audit log's months are looked at again in an hour: %s", e.getMessage());
    }
  }

  private void add(Instant month) {
    boolean added =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery("select audit_log_add_month(:month)")
                    .bind("month", month)
                    .mapTo(Boolean.class)
                    .one());
    if (added) {
      LOG.debugf("the audit log has a place for the month of %s", month);
    }
  }

  private void drop(Instant before) {
    List<String> dropped =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery("select audit_log_drop(:before)")
                    .bind("before", before)
                    .mapTo(String.class)
                    .list());
    for (String month : dropped) {
      removed.increment();
      LOG.infof("%s was dropped: it was over before %s", month, before);
      audit.noted("tracker.retention.audit", month, "dropped: over before " + before);
    }
  }
}
