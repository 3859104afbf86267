package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.presence.DeadClaims;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.webhook.DeliveryQueue.Claimed;
import io.klingtracker.webhook.DeliveryQueue.Room;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** However many hosts a tenant has, and whatever becomes of them, others' deliveries flow. */
class HostQueuesTest extends DeliveryRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Room ROOM = new Room(200, 10, 1000, BREAKER.after(), 1000);
  private static final Pattern ROWS = Pattern.compile("actual [^)]*rows=(\\d+)");

  HostQueuesTest() {
    super(DATABASE);
  }

  @Test
  void a_claim_reads_nothing_of_what_is_due_in_hours() {
    planned.many("greedy", 5000, "http://h%s.example/", T0, T0.plus(Duration.ofHours(2)));
    planned.many("quiet", 5, "http://q.example/", T0, T0);
    analyze();

    List<String> plan = explain(T0.plusSeconds(1));

    assertTrue(mostRows(plan) <= 50, () -> String.join("\n", plan));
    assertEquals(Map.of("quiet", 5L), perTenant(claim(ROOM, T0)));
  }

  @Test
  void nor_of_host_queues_that_are_closed() {
    planned.many("greedy", 3000, "http://h%s.example/", T0, T0);
    closeAll("greedy", T0.plus(Duration.ofHours(1)));
    for (int pass = 0; pass < 20 && claimOnce(T0, ROOM).tidied(); pass++) {
      assertTrue(pass < 19, "3,000 rows are parked in " + pass + " passes");
    }
    assertEquals(3000, planned.parked());
    planned.many("quiet", 5, "http://q.example/", T0, T0);
    analyze();

    List<String> plan = explain(T0.plusSeconds(1));

    assertTrue(mostRows(plan) <= 50, () -> String.join("\n", plan));
    List<Delivery> claimed = claim(ROOM, T0.plusSeconds(1));
    assertEquals(Map.of("quiet", 5L), perTenant(claimed));

    String settling = explainSettle(delivered(claimed.get(0), T0.plusSeconds(2)));
    assertFalse(settling.contains("Seq Scan on webhook_lane"), settling);
    assertFalse(settling.contains("Seq Scan on webhook_host"), settling);
  }

  @Test
  void a_claim_is_shared_by_the_tenants_who_want_it() {
    planned.many("greedy", 3000, "http://h%s.example/", T0.minusSeconds(60), T0.minusSeconds(60));
    planned.many("quiet", 300, "http://q%s.example/", T0, T0);
    planned.many("rare", 7, "http://r%s.example/", T0, T0);

    assertEquals(Map.of("greedy", 97L, "quiet", 96L, "rare", 7L), perTenant(claim(ROOM, T0)));
  }

  @Test
  void one_tenant_alone_gets_the_whole_of_a_claim_and_half_of_what_can_be_under_way() {
    planned.many("greedy", 3000, "http://h%s.example/", T0, T0);
    Room room = new Room(200, 10, 500, BREAKER.after(), 1000);

    List<Integer> claims = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      claims.add(claim(room, T0).size());
    }

    assertEquals(List.of(200, 200, 100, 0), claims);
  }

  @Test
  void the_more_a_tenant_has_under_way_the_less_of_it_goes_to_one_host() {
    planned.many("slow", 40, "http://a.example/", T0, T0);
    planned.many("slow", 40, "http://b.example/", T0.plusMillis(1), T0.plusMillis(1));
    Room room = new Room(200, 10, 14, BREAKER.after(), 1000);

    assertEquals(
        Map.of("a.example", 10L, "b.example", 4L), perHost(claim(room, T0.plusSeconds(1))));
    planned.many("slow", 9, "http://c.example/", T0.plusMillis(2), T0.plusMillis(2));
    Room wider = new Room(200, 10, 24, BREAKER.after(), 1000);
    assertEquals(Map.of("c.example", 2L), perHost(claim(wider, T0.plusSeconds(1))));
  }

  @Test
  void a_long_queue_to_one_host_does_not_hide_its_tenants_other_hosts() {
    planned.many("acme", 1500, "http://dead.example/", T0, T0);
    planned.many("acme", 3, "http://well.example/", T0.plusSeconds(1), T0.plusSeconds(1));
    closeAll("acme", T0.plus(Duration.ofHours(1)));
    open("acme", "well.example");

    List<Delivery> claimed = claim(ROOM, T0.plusSeconds(1));

    assertEquals(Map.of("well.example", 3L), perHost(claimed));
    assertEquals(List.of("acme dead.example"), planned.hostQueues());
  }

  @Test
  void a_crowded_host_gets_its_whole_queue_in_order_one_settlement_after_the_other() {
    planned.many("acme", 450, "http://busy.example/", T0, T0);
    planned.many("zeta", 450, "http://busy.example/", T0, T0);
    List<String> received = new ArrayList<>();
    for (int pass = 0; received.size() < 900 && pass < 200; pass++) {
      for (Delivery delivery : claim(new Room(10, 10, 1000, BREAKER.after(), 1000), T0)) {
        received.add(delivery.taskId());
        settle(delivered(delivery, T0));
      }
    }
    assertEquals(900, received.stream().distinct().count());
    assertEquals(List.of(), planned.waiting());
    claim(ROOM, T0.plusSeconds(2));
    assertEquals(List.of(), planned.hostQueues(), "a host queue with nothing left is forgotten");
  }

  @Test
  void nobody_takes_a_receiver_away_from_another_tenant_by_sending_to_it_as_well() {
    planned.many("greedy", 450, "http://shared.example/", T0.minusSeconds(60), T0.minusSeconds(60));
    // When the bucket is empty: then there is room for one at a time.
    Instant later = T0.plusMillis(1600);
    planned.many("quiet", 3, "http://shared.example/", later, later);
    Room slow = new Room(200, 10, 1000, BREAKER.after(), 50);
    List<String> order = new ArrayList<>();
    for (int tick = 0; tick < 140; tick++) {
      Instant now = T0.plusMillis(tick * 20L);
      for (Delivery delivery : queue.claim(slow, "claim-" + tick, now).deliveries()) {
        order.add(delivery.tenant());
        settle(delivered(delivery, now));
      }
    }
    int first = order.indexOf("quiet");
    assertTrue(first > 100, order.toString());
    assertEquals(3, order.stream().filter("quiet"::equals).count());
    assertTrue(order.lastIndexOf("quiet") - first < 15, order.toString());
  }

  @Test
  void a_parked_lane_is_looked_at_when_it_opens_or_is_resumed() {
    planned.many("acme", 3, "http://dead.example/", T0, T0);
    planned.many("acme", 2, "http://other.example/", T0, T0);
    Instant opens = T0.plus(Duration.ofMinutes(10));
    closeAll("acme", opens);
    assertEquals(List.of(), claim(ROOM, T0));
    assertEquals(5, planned.parked());

    assertEquals(List.of(), claim(ROOM, opens.minusMillis(1)));
    log(T0.plusSeconds(9)).resume("acme", "other.example");
    List<Delivery> resumed = claim(ROOM, T0.plusSeconds(9));
    assertEquals(Map.of("other.example", 2L), perHost(resumed));
    resumed.forEach(delivery -> settle(delivered(delivery, T0.plusSeconds(9))));

    // Half open: one at a time, and the whole host queue after its success.
    List<Delivery> probe = claim(ROOM, opens);
    assertEquals(Map.of("dead.example", 1L), perHost(probe));
    assertEquals(List.of(), claim(ROOM, opens));
    settle(delivered(probe.get(0), opens));
    assertEquals(Map.of("dead.example", 2L), perHost(claim(ROOM, opens)));
  }

  @Test
  void what_a_killed_replica_had_is_parked_too_when_its_host_has_closed_meanwhile() {
    planned.many("acme", 2, "http://dead.example/", T0, T0);
    assertEquals(2, claim(ROOM, T0).size());
    Instant opens = T0.plus(Duration.ofMinutes(10));
    closeAll("acme", opens);

    DeadClaims.free(DATABASE.jdbi(), "webhook_delivery");
    assertEquals(List.of(), claim(ROOM, T0));
    assertEquals(2, planned.parked());
    assertEquals(1, claim(ROOM, opens).size());
  }

  @Test
  void a_change_behind_a_parked_one_is_parked_behind_it() {
    String task = planned.task("acme", "http://dead.example/", T0);
    planned.change(task, 2, "submitted", T0);
    planned.change(task, 3, "succeed", T0);
    Instant opens = T0.plus(Duration.ofMinutes(10));
    closeAll("acme", opens);
    assertEquals(List.of(), claim(ROOM, T0));
    assertEquals(List.of(), claim(ROOM, T0.plusSeconds(5)));
    assertEquals(2, planned.parked());

    Delivery first = claim(ROOM, opens).get(0);
    assertEquals(2, first.sequence());
    settle(delivered(first, opens));
    assertEquals(3, claim(ROOM, opens).get(0).sequence());
  }

  @Test
  void more_failing_hosts_than_a_tenant_may_have_are_given_up() {
    for (int host = 0; host < 5; host++) {
      Instant at = T0.plusSeconds(host);
      planned.change(planned.task("greedy", "http://h" + host + ".example/", T0), 2, "succeed", at);
      planned.change(
          planned.task("honest", "http://h" + host % 3 + ".example/", T0), 2, "succeed", at);
      claim(ROOM, at).forEach(d -> settle(failed(d, at, at.plus(Duration.ofHours(1)))));
    }
    WebhookSweep sweep = sweep();

    assertEquals(2, sweep.giveUpHosts(3, T0.plusSeconds(60)));
    assertEquals(0, sweep.giveUpHosts(3, T0.plusSeconds(60)));

    assertEquals(
        List.of(
            "greedy h0.example",
            "greedy h1.example",
            "greedy h2.example",
            "honest h0.example",
            "honest h1.example",
            "honest h2.example"),
        planned.hosts());
    assertEquals(8, planned.waiting().size());
    assertEquals(
        List.of("connect; given up: more than 3 hosts of the tenant fail"),
        DATABASE
            .jdbi()
            .withHandle(
                h ->
                    h.createQuery("select distinct reason from webhook_settled")
                        .mapTo(String.class)
                        .list()));
  }

  @Test
  void many_made_again_at_once_leave_half_of_a_hosts_rate_to_what_happens_meanwhile() {
    planned.many("acme", 120, "http://a.example/", T0, T0);
    for (int i = 0; i < 12; i++) {
      claim(ROOM, T0).forEach(d -> settle(failed(d, T0, null)));
      open("acme", "a.example");
    }
    assertEquals(List.of(), planned.waiting());
    Instant later = T0.plusSeconds(60);

    assertEquals(
        120,
        redeliveries(later).redeliver(new RedeliveryStore.Failed(T0, later, "acme", null), 5000));

    assertEquals(
        List.of("25 0", "25 1", "25 2", "25 3", "20 4"),
        DATABASE
            .jdbi()
            .withHandle(
                h ->
                    h.createQuery(
                            "select count(*) || ' ' || extract(epoch from due_at - planned_at)::int"
                                + " from webhook_delivery group by due_at - planned_at order by due_at - planned_at")
                        .mapTo(String.class)
                        .list()));
  }

  private List<Delivery> claim(Room room, Instant now) {
    List<Delivery> deliveries = new ArrayList<>();
    for (int pass = 0; pass < 30; pass++) {
      Claimed claimed = claimOnce(now, room);
      deliveries.addAll(claimed.deliveries());
      queue.queueUp(claimed.behind(), now, PAUSE);
      if (!deliveries.isEmpty() || !claimed.tidied() && claimed.behind().isEmpty()) {
        return deliveries;
      }
    }
    throw new AssertionError("a claim that finds no end");
  }

  private static Map<String, Long> perTenant(List<Delivery> claimed) {
    return claimed.stream().collect(Collectors.groupingBy(Delivery::tenant, Collectors.counting()));
  }

  private static Map<String, Long> perHost(List<Delivery> claimed) {
    return claimed.stream().collect(Collectors.groupingBy(Delivery::host, Collectors.counting()));
  }

  /** As after many failures: nothing is sent before. */
  private static void closeAll(String tenant, Instant until) {
    DATABASE
        .jdbi()
        .useHandle(
            h ->
                h.createUpdate(
                        """
                        insert into webhook_host (tenant_id, host, trouble, failing_since, last_failed_at, last_reason, open_until)
                        select distinct tenant_id, host, 5, cast(:now as timestamptz), cast(:now as timestamptz), 'connect',
                          cast(:until as timestamptz)
                        from webhook_delivery where tenant_id = :tenant
                        """)
                    .bind("tenant", tenant)
                    .bind("now", T0.atOffset(ZoneOffset.UTC))
                    .bind("until", until.atOffset(ZoneOffset.UTC))
                    .execute());
  }

  private static void open(String tenant, String host) {
    log(T0).resume(tenant, host);
  }

  private static DeliveryQueries log(Instant now) {
    return new DeliveryQueries(
        DATABASE.jdbi(), SenderRig.config(Map.of()), Clock.fixed(now, ZoneOffset.UTC));
  }

  private static RedeliveryStore redeliveries(Instant now) {
    return new RedeliveryStore(
        DATABASE.jdbi(), SenderRig.config(Map.of()), Clock.fixed(now, ZoneOffset.UTC));
  }

  private static WebhookSweep sweep() {
    return new WebhookSweep(
        DATABASE.jdbi(),
        SenderRig.config(Map.of()),
        new WebhookMetrics(new SimpleMeterRegistry()),
        Clock.fixed(T0, ZoneOffset.UTC));
  }

  private static void analyze() {
    DATABASE.jdbi().useHandle(h -> h.execute("vacuum analyze webhook_delivery"));
    DATABASE.jdbi().useHandle(h -> h.execute("vacuum analyze webhook_lane"));
    DATABASE.jdbi().useHandle(h -> h.execute("vacuum analyze webhook_host"));
  }

  /** The plan of a claim, which is rolled back. */
  private static List<String> explain(Instant now) {
    return DATABASE
        .jdbi()
        .inTransaction(
            h -> {
              List<String> plan =
                  h.createQuery("explain (analyze, costs off, timing off) " + DeliveryQueue.CLAIM)
                      .bind("now", now.atOffset(ZoneOffset.UTC))
                      .bind("until", now.plusSeconds(30).atOffset(ZoneOffset.UTC))
                      .bind("claim", "plan")
                      .bind("batch", ROOM.batch())
                      .bind("perHost", ROOM.perHost())
                      .bind("perTenant", ROOM.perTenant())
                      .bind("breakerAfter", ROOM.breakerAfter())
                      .bind("hostRate", ROOM.hostRate())
                      .mapTo(String.class)
                      .list();
              h.rollback();
              return plan;
            });
  }

  private static String explainSettle(Settlement settlement) {
    return DATABASE
        .jdbi()
        .inTransaction(
            h -> {
              String plan =
                  h.createQuery("explain (analyze, costs off, timing off) " + DeliveryQueue.SETTLE)
                      .bind("results", DeliveryQueue.json(List.of(settlement)))
                      .bind("breakerAfter", BREAKER.after())
                      .bind("breakerFirst", BREAKER.first().toString())
                      .bind("breakerCap", BREAKER.cap().toString())
                      .bind("pauseAfter", BREAKER.pauseAfter().toString())
                      .bind("pausedProbe", BREAKER.pausedProbe().toString())
                      .bind("hostTopic", "hosts")
                      .mapTo(String.class)
                      .collect(Collectors.joining("\n"));
              h.rollback();
              return plan;
            });
  }

  private static int mostRows(List<String> plan) {
    assertFalse(String.join("\n", plan).matches("(?s).*Rows Removed by Filter: \\d{3,}.*"));
    int most = 0;
    Matcher rows = ROWS.matcher(String.join("\n", plan));
    while (rows.find()) {
      most = Math.max(most, Integer.parseInt(rows.group(1)));
    }
    return most;
  }
}
