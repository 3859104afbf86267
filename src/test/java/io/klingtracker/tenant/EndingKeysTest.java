package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.loops.Loops;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Which keys count as ones that end soon. */
class EndingKeysTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-01T10:00:00Z");
  private static final Duration HOUR = Duration.ofHours(1);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final EndingKeys ending = new EndingKeys(jdbi, new TestClock(NOW), new Loops(), meters);

  @Test
  void those_in_use_that_end_within_a_week() {
    assertEquals(Double.NaN, counted());
    Instant soon = NOW.plus(EndingKeys.SOON).minus(HOUR);
    Instant used = NOW.minus(EndingKeys.IN_USE).plus(HOUR);
    key(soon, used, null, null);
    key(NOW.plus(HOUR), NOW, null, null);
    key(NOW.plus(EndingKeys.SOON).plus(HOUR), NOW, null, null);
    key(null, NOW, null, null);
    key(NOW.minus(HOUR), NOW.minus(HOUR), null, null);
    key(soon, NOW.minus(EndingKeys.IN_USE).minus(HOUR), null, null);
    key(soon, null, null, null);
    key(soon, used, NOW, null);
    key(soon, used, null, NOW);

    ending.count();

    assertEquals(2, counted());
  }

  /** An administrator's, which needs no tenant. */
  private void key(
      @Nullable Instant expires,
      @Nullable Instant used,
      @Nullable Instant revoked,
      @Nullable Instant suspended) {
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    insert into api_key (id, name, admin_right, prefix, key_hash, created_at, expires_at, last_used_at, revoked_at, suspended_at)
                    values (:id, 'k', 'read', 'k', sha256(cast(cast(:id as text) as bytea)), now(), :expires, :used, :revoked, :suspended)
                    """)
                .bind("id", UUID.randomUUID())
                .bind("expires", expires)
                .bind("used", used)
                .bind("revoked", revoked)
                .bind("suspended", suspended)
                .execute());
  }

  private double counted() {
    return meters.get("tracker.keys.ending").gauge().value();
  }
}
