package io.klingtracker.feed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Whose open transaction holds the feed back is shown, with the pid that an operator needs. */
class FeedHoldTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Duration LONGER = FeedHold.LONG.plusSeconds(30);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final FeedHold hold = new FeedHold(jdbi, clock, new Loops(), meters);
  private final FeedHealth health = new FeedHealth(hold);

  @Test
  void a_foreign_transaction_that_stays_open_is_named_until_it_ends() {
    try (Handle foreign = jdbi.open()) {
      String pid = begin(foreign);
      look();
      assertEquals(HealthCheckResponse.Status.UP, health.call().getStatus(), "not for long yet");
      assertEquals(0, gauge("tracker.feed.held.back"));

      clock.advance(LONGER);
      look();
      HealthCheckResponse answer = health.call();
      String said = answer.getData().orElseThrow().get("held back").toString();
      assertEquals(HealthCheckResponse.Status.DOWN, answer.getStatus());
      assertTrue(
          said.matches("for 4\\d s by pid " + pid + ", application 'nightly report', .*in trans.*"),
          said);
      assertTrue(gauge("tracker.feed.held.back") >= LONGER.toSeconds());
      foreign.rollback();
    }
    look();
    assertEquals(HealthCheckResponse.Status.UP, health.call().getStatus());
    assertEquals(0, gauge("tracker.feed.held.back"));
  }

  @Test
  void a_user_without_rights_of_his_own_is_told_the_pid_all_the_same() {
    jdbi.useHandle(
        h ->
            h.execute(
                """
                do $$ begin
                  if to_regrole('plain') is null then
                    create role plain;
                  end if;
                end $$;
                grant select on feed_epoch to plain
                """));
    try (Handle foreign = jdbi.open();
        Handle plain = jdbi.open()) {
      String pid = begin(foreign);
      plain.execute("set role plain");
      FeedHold asPlain =
          new FeedHold(
              Jdbi.create(plain.getConnection()), clock, new Loops(), new SimpleMeterRegistry());
      asPlain.look();
      clock.advance(LONGER);
      asPlain.look();
      String who = asPlain.holder().orElseThrow().who();
      assertTrue(who.startsWith("pid " + pid + ", application 'nightly report'"), who);
      plain.execute("reset role");
      foreign.rollback();
    }
  }

  @Test
  void short_transactions_one_after_another_hold_nothing_back() {
    for (int i = 0; i < 3; i++) {
      try (Handle foreign = jdbi.open()) {
        begin(foreign);
        look();
        foreign.rollback();
      }
      clock.advance(FeedHold.LONG.dividedBy(2));
    }
    look();
    assertEquals(HealthCheckResponse.Status.UP, health.call().getStatus());
  }

  @Test
  void a_restore_is_told() throws Exception {
    look();
    assertEquals(0, gauge("tracker.feed.epoch"));
    try (Handle handle = jdbi.open()) {
      handle.execute("update feed_epoch set cluster = '4711/00000001'");
      FeedEpoch.follow(handle.getConnection(), false);
    }
    look();
    assertEquals(1, gauge("tracker.feed.epoch"));
    String said = health.call().getData().orElseThrow().get("restore detected").toString();
    assertTrue(said.endsWith("Z: restored into another cluster"), said);
  }

  @Test
  void a_session_that_a_pooler_has_led_elsewhere_begins_an_epoch() throws Exception {
    jdbi.useHandle(h -> h.execute("update feed_epoch set cluster = '4711/00000001'"));
    look();
    double before = gauge("tracker.feed.epoch");
    hold.watch();
    assertEquals(before + 1, gauge("tracker.feed.epoch"));
  }

  private void look() {
    hold.look();
  }

  private double gauge(String name) {
    return meters.get(name).gauge().value();
  }

  /** A transaction of another program's that has written something; its session's pid. */
  private String begin(Handle foreign) {
    foreign.begin();
    foreign.execute("set local application_name = 'nightly report'");
    foreign.execute("select pg_current_xact_id()");
    // Until another one with a higher number has ended, it holds back nothing.
    jdbi.useHandle(other -> other.execute("select pg_current_xact_id()"));
    return foreign.createQuery("select pg_backend_pid()").mapTo(String.class).one();
  }
}
