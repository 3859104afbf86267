package io.klingtracker.dispatch;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.simulator.Ledger;
import io.klingtracker.simulator.RandomFaults;
import io.klingtracker.testing.TestDatabase;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Every fault of the simulator's at random, all at once: nothing is paid twice, every task ends as
 * Kling has it, and no slot is held by what Kling did not accept. {@code -Dfaults.seed=} repeats a
 * run, {@code -Dfaults.tasks=} lengthens it. Row 56 does the same to the packaged service.
 */
class AllFaultsTest extends HurriedStack {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = Integer.getInteger("faults.tasks", 25);
  private static final double SHARE = 0.04;

  private final long seed = Long.getLong("faults.seed", System.nanoTime());

  AllFaultsTest() {
    super(DATABASE);
  }

  @Test
  void nothing_is_paid_twice_and_every_task_ends() {
    System.out.println("all faults together, seed " + seed);
    stand(simulated(seed));
    RandomFaults.all(new Random(seed), SHARE, onTheWall(LONGEST)).forEach(simulator::fault);
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < TASKS; i++) {
      ids.add(Replica.submit(replicas.get(0).tasks, "acme", "kling-v3", 5));
    }

    run();
    await().atMost(PATIENCE).until(() -> isOver(seed));

    Map<String, Integer> accepted = new TreeMap<>();
    for (Ledger.Create create : simulator.ledger().creates(any -> true)) {
      accepted.merge(String.valueOf(create.externalId()), 1, Integer::sum);
    }
    Map<String, String> statuses = statuses();
    System.out.printf(
        "all faults together: %d creates of %d tasks accepted, ended %s, seed %d%n",
        simulator.ledger().accepted(), accepted.size(), counted(statuses), seed);
    assertEquals(
        Set.of(),
        accepted.keySet().stream().filter(id -> accepted.get(id) > 1).collect(Collectors.toSet()),
        "paid twice, seed " + seed);
    assertEquals(Set.copyOf(ids), statuses.keySet());
    Map<String, String> wrong = new TreeMap<>();
    statuses.forEach(
        (id, status) -> {
          String truth = truth(id, accepted.containsKey(id));
          if (!status.equals(truth)) {
            wrong.put(id, status + " and not " + truth);
          }
        });
    assertEquals(Map.of(), wrong, "not as Kling has it, seed " + seed);
    assertEquals(0, count("open_task"), "slots in use, seed " + seed);
    assertEquals(0, count("dispatch_queue"), "seed " + seed);
  }

  /** What Kling did not accept, it has refused. */
  private String truth(String id, boolean accepted) {
    return accepted ? simulator.status(id) : "failed";
  }
}
