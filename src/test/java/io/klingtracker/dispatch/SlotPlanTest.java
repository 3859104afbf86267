package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.dispatch.Capacity.Account;
import io.klingtracker.dispatch.SlotPlan.Assigned;
import io.klingtracker.dispatch.SlotPlan.Candidate;
import io.klingtracker.dispatch.SlotPlan.Model;
import io.klingtracker.dispatch.SlotPlan.Plan;
import io.klingtracker.dispatch.SlotPlan.TenantQueue;
import io.klingtracker.dispatch.SlotPlan.Turn;
import io.klingtracker.kling.ParallelSlots;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SlotPlanTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  private static final Model V3 = new Model("video", "kling-v3");
  private static final Model V2 = new Model("video", "kling-v2-6");
  private static final SlotPool ONE_V3 = new SlotPool("one", "video", "kling-v3");

  private final Map<String, Account> accounts = new HashMap<>(Map.of("one", new Account(5, 1)));
  private final Map<String, Breaker.State> health = new HashMap<>();
  private final Map<SlotPool, PoolState> states = new HashMap<>();
  private final Map<SlotPool, Integer> used = new HashMap<>();
  private final Map<Model, Double> times = new HashMap<>();
  private Set<String> paused = Set.of();

  @Test
  void no_more_tasks_run_than_there_are_slots() {
    used.put(ONE_V3, 3);

    assertEquals(List.of("a1", "a2"), tasks(plan(queue("a", V3, 1, 0, 9))));
  }

  @Test
  void full_models_do_not_hide_others() {
    used.put(ONE_V3, 5);

    assertEquals(List.of("b1"), tasks(plan(queue("a", V3, 1, 0, 9), queue("b", V2, 1, 0, 1))));
  }

  @Test
  void tenants_take_turns() {
    Plan plan = plan(queue("a", V3, 1, 0, 9), queue("b", V3, 1, 0, 9));

    assertEquals(List.of("a1", "b1", "a2", "b2", "a3"), tasks(plan));
  }

  @Test
  void a_tenant_with_twice_the_weight_gets_twice_the_slots() {
    accounts.put("one", new Account(6, 1));

    Plan plan = plan(queue("a", V3, 2, 0, 9), queue("b", V3, 1, 0, 9));

    assertEquals(4, tasks(plan).stream().filter(id -> id.startsWith("a")).count());
  }

  @Test
  void whoever_comes_later_starts_at_the_time_of_the_others() {
    times.put(V3, 100.0);

    Plan plan = plan(queue("a", V3, 1, 101, 9), queue("b", V3, 1, 0, 9));

    // Neither starved behind a hundred nor let through a hundred times.
    assertEquals(List.of("b1", "a1", "b2", "a2", "b3"), tasks(plan));
    assertEquals(103.0, plan.turns().get(new Turn("b", V3)));
    assertEquals(102.0, plan.turns().get(new Turn("", V3)));
  }

  @Test
  void a_task_of_many_slots_is_not_starved_by_small_ones() {
    used.put(ONE_V3, 3);
    TenantQueue big = new TenantQueue("a", V3, 1, 0, List.of(new Candidate("big", 4)));

    assertEquals(List.of(), tasks(plan(big, queue("b", V3, 1, 1, 9))));
  }

  @Test
  void a_task_of_more_slots_than_there_are_goes_when_all_are_free() {
    TenantQueue big = new TenantQueue("a", V3, 1, 0, List.of(new Candidate("big", 9)));

    assertEquals(List.of("big"), tasks(plan(big)));
  }

  @Test
  void accounts_are_filled_by_weight() {
    accounts.put("one", new Account(9, 1));
    accounts.put("two", new Account(9, 2));

    Plan plan = plan(queue("a", V3, 1, 0, 6));

    assertEquals(4, plan.assigned().stream().filter(a -> a.account().equals("two")).count());
  }

  @Test
  void paused_parked_and_silent_accounts_get_nothing() {
    accounts.put("two", new Account(5, 1));
    accounts.put("three", new Account(5, 1));
    accounts.put("four", new Account(5, 1));
    paused = Set.of("one");
    health.put("two", Breaker.State.OPEN);
    states.put(
        SlotPool.family("three", "video"), new PoolState(null, NOW.plusSeconds(9), 1, parking()));

    Plan plan = plan(queue("a", V3, 1, 0, 9));

    assertEquals(
        Set.of("four"), Set.copyOf(plan.assigned().stream().map(Assigned::account).toList()));
    assertEquals(5, plan.assigned().size());
  }

  @Test
  void a_parked_account_is_tried_with_one_task() {
    states.put(SlotPool.all("one"), new PoolState(null, NOW, 1, parking()));

    assertEquals(List.of("a1"), tasks(plan(queue("a", V3, 1, 0, 9), queue("b", V2, 1, 0, 9))));
  }

  @Test
  void a_half_open_breaker_lets_one_task_through() {
    health.put("one", Breaker.State.HALF_OPEN);

    assertEquals(List.of("a1"), tasks(plan(queue("a", V3, 1, 0, 9), queue("b", V2, 1, 0, 9))));
  }

  @Test
  void a_lowered_limit_holds_for_its_model_alone() {
    states.put(ONE_V3, new PoolState(new SlotLimit(2, 5, 0, false, 0, 0, 1, NOW), null, 1, null));

    Plan plan = plan(queue("a", V3, 1, 0, 9), queue("b", V2, 1, 0, 9));

    assertEquals(2, tasks(plan).stream().filter(id -> id.startsWith("a")).count());
    assertEquals(5, tasks(plan).stream().filter(id -> id.startsWith("b")).count());
  }

  @Test
  void each_family_has_its_own_slots_and_each_account_its_models() {
    Model picture = new Model("image", "kling-v3");
    accounts.put(
        "one",
        new Account(
            ParallelSlots.fixed(2),
            Map.of("image", ParallelSlots.fixed(4)),
            1,
            Set.of("kling-v3", "kling-v9")));
    accounts.put("two", new Account(ParallelSlots.fixed(3), Map.of(), 1, Set.of("kling-v2-6")));

    Plan plan =
        plan(queue("a", V3, 1, 0, 9), queue("b", V2, 1, 0, 9), queue("c", picture, 1, 0, 9));

    assertEquals(
        Map.of("a one", 2L, "b two", 3L, "c one", 4L),
        plan.assigned().stream()
            .collect(
                Collectors.groupingBy(
                    task -> task.taskId().charAt(0) + " " + task.account(),
                    Collectors.counting())));
    Capacity capacity = new Capacity(accounts, health, paused, states, NOW);
    assertEquals(
        "account two may not use it (kling.accounts.two.models)",
        capacity.obstacle(new SlotPool("two", "video", "kling-v3")));
    assertEquals(2, capacity.limit(new SlotPool("one", "video", "other")), "has no model's name");
  }

  @Test
  void what_has_to_go_to_a_full_account_holds_nobody_up() {
    accounts.put("two", new Account(5, 1));
    used.put(new SlotPool("two", "video", "kling-v3"), 5);

    Plan plan = plan(pinned("a", "two", 0, 3), queue("a", V3, 1, 0, 1), queue("b", V3, 1, 9, 2));

    assertEquals(List.of("a1", "b1", "b2"), tasks(plan));
    assertEquals(
        Set.of("one"), Set.copyOf(plan.assigned().stream().map(Assigned::account).toList()));
  }

  @Test
  void what_has_to_go_to_an_account_is_first_there_where_it_is_its_turn() {
    accounts.put("two", new Account(1, 1));

    Plan plan = plan(queue("a", V3, 1, 0, 9), pinned("z", "two", 0, 1), queue("b", V3, 1, 0, 9));

    assertEquals(new Assigned("z@two1", "two"), plan.assigned().get(0));
    assertEquals(1.0, plan.turns().get(new Turn("z/two", V3)));
    assertEquals(6, plan.assigned().size());
  }

  @Test
  void a_turn_s_slots_are_kept_for_what_needs_many_of_one_account() {
    accounts.put("two", new Account(5, 1));
    used.put(new SlotPool("two", "video", "kling-v3"), 3);
    TenantQueue big = new TenantQueue("a", V3, "two", 1, 0, List.of(new Candidate("big", 4)));

    assertEquals(
        Set.of("one"),
        Set.copyOf(
            plan(big, queue("b", V3, 1, 1, 9)).assigned().stream()
                .map(Assigned::account)
                .toList()));
  }

  @Test
  void a_batch_is_shared_by_models() {
    Plan plan = planner().assign(List.of(queue("a", V3, 1, 0, 9), queue("b", V2, 1, 0, 9)), 4);

    assertEquals(2, tasks(plan).stream().filter(id -> id.startsWith("a")).count());
    assertTrue(tasks(plan).contains("b2"));
  }

  private static PoolState.Parking parking() {
    return new PoolState.Parking(1102, "empty", NOW);
  }

  private static TenantQueue queue(
      String tenant, Model model, int weight, double turn, int waiting) {
    return new TenantQueue(
        tenant,
        model,
        weight,
        turn,
        IntStream.rangeClosed(1, waiting).mapToObj(i -> new Candidate(tenant + i, 1)).toList());
  }

  private static TenantQueue pinned(String tenant, String account, double turn, int waiting) {
    return new TenantQueue(
        tenant,
        V3,
        account,
        1,
        turn,
        IntStream.rangeClosed(1, waiting)
            .mapToObj(i -> new Candidate(tenant + "@" + account + i, 1))
            .toList());
  }

  private Plan plan(TenantQueue... queues) {
    return planner().assign(Arrays.asList(queues), 50);
  }

  private SlotPlan planner() {
    return new SlotPlan(new Capacity(accounts, health, paused, states, NOW), used, times);
  }

  private static List<String> tasks(Plan plan) {
    return plan.assigned().stream().map(Assigned::taskId).toList();
  }
}
