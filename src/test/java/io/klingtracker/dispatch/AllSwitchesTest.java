package io.klingtracker.dispatch;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.catalog.CatalogOver;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Ledger;
import io.klingtracker.simulator.Operation;
import io.klingtracker.simulator.RandomSwitches;
import io.klingtracker.simulator.SimulatorClient;
import io.klingtracker.simulator.SimulatorSettings;
import io.klingtracker.task.GivenTask;
import io.klingtracker.testing.TestDatabase;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Kinds of both generations at a Kling of which every switch stands at random, while creates and
 * callbacks get lost: nothing is paid twice, every task ends as Kling has it, and no slot is held
 * by what Kling did not accept. Where nobody can know, a person looks at Kling, as an administrator
 * would. {@code -Dswitches.seed=} repeats a run, {@code -Dswitches.tasks=} and {@code
 * -Dswitches.rounds=} lengthen it.
 */
class AllSwitchesTest extends HurriedStack {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = Integer.getInteger("switches.tasks", 24);
  private static final int ROUNDS = Integer.getInteger("switches.rounds", 1);
  private static final String IMAGE = "https://example.com/a.jpg";

  /** Of which nobody knows what they take. */
  private static final Set<String> ODD = Set.of("kling-4.0", "kling-4.0-flash");

  /** Kind, model and body; PROMPT is different for all but one in five. */
  private static final List<List<String>> KINDS =
      List.of(
          List.of("text2video", "kling-v3", "{\"model_name\":\"kling-v3\",\"prompt\":\"PROMPT\"}"),
          List.of(
              "image2video",
              "kling-v2-6",
              "{\"model_name\":\"kling-v2-6\",\"image\":\"%s\",\"prompt\":\"PROMPT\"}"
                  .formatted(IMAGE)),
          List.of(
              "generations",
              "kling-v3",
              "{\"model_name\":\"kling-v3\",\"prompt\":\"PROMPT\",\"n\":2}"),
          List.of("text-to-video", "kling-3.0", newer("720p")),
          List.of("text-to-video", "kling-4.0", newer("1080p")),
          List.of("text-to-video", "kling-4.0-flash", newer("720p")),
          List.of("newer/omni-video", "kling-4.0", contents("refer_image")),
          List.of("image-to-video", "kling-4.0", contents("first_frame")));

  AllSwitchesTest() {
    super(DATABASE);
  }

  static LongStream seeds() {
    long first = Long.getLong("switches.seed", System.nanoTime());
    return LongStream.range(first, first + ROUNDS);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void nothing_is_paid_twice_and_every_task_ends(long seed) {
    Random random = new Random(seed);
    SimulatorSettings simulated = simulated(seed);
    Map<String, Object> switches = RandomSwitches.all(random, simulated, ODD);
    // An operator says that a model keeps our id only where he has seen it.
    boolean kept = switches.get("without_external_ids").equals(Set.of()) && random.nextBoolean();
    System.out.printf("all switches, seed %d: %s, said to be kept: %s%n", seed, switches, kept);
    stand(simulated);
    storm();
    try (CatalogOver over =
        new CatalogOver(
            "models: {kling-4.0: {takes: {external_task_id: %1$s}}, kling-4.0-flash: {takes: {external_task_id: %1$s}}}"
                .formatted(kept))) {
      play(seed, random);
    }
  }

  private void play(long seed, Random random) {
    Map<String, String> prompts = new HashMap<>();
    for (int i = 0; i < TASKS; i++) {
      List<String> kind = KINDS.get(i % KINDS.size());
      String prompt = random.nextInt(5) == 0 ? "the same for several" : "scene " + i;
      String id =
          GivenTask.of("acme")
              .kind(kind.get(0))
              .model(kind.get(1))
              .body(kind.get(2).replace("PROMPT", prompt))
              .slots(kind.get(0).equals("generations") ? 2 : 1)
              .submit(replicas.get(0).tasks);
      prompts.put(id, prompt);
    }

    run();
    try {
      await()
          .atMost(PATIENCE)
          .until(
              () -> {
                look(prompts);
                return isOver(seed);
              });
    } catch (ConditionTimeoutException late) {
      throw new AssertionError("not ended, seed " + seed + ": " + unended(), late);
    }

    Map<String, String> klingIds = klingIds();
    List<Ledger.Create> creates = simulator.ledger().creates(any -> true);
    Map<String, String> statuses = statuses();
    System.out.printf(
        "all switches: %d creates of %d tasks accepted, ended %s, seed %d%n",
        creates.size(), TASKS, counted(statuses), seed);
    assertEquals(
        List.of(),
        creates.stream()
            .map(Ledger.Create::taskId)
            .filter(id -> !klingIds.containsValue(id))
            .toList(),
        "paid, and no task of ours, seed " + seed);
    Map<String, String> wrong = new TreeMap<>();
    statuses.forEach(
        (id, status) -> {
          String klingId = klingIds.get(id);
          String truth = klingId == null ? "failed" : simulator.status(klingId);
          if (!status.equals(truth)) {
            wrong.put(id, status + " and not " + truth);
          }
        });
    assertEquals(Map.of(), wrong, "not as Kling has it, seed " + seed);
    assertEquals(creates.size(), klingIds.size(), "seed " + seed);
    assertEquals(0, count("open_task"), "slots in use, seed " + seed);
    assertEquals(0, count("dispatch_queue"), "seed " + seed);
  }

  /** Each task that has not ended, with what waits for it. */
  private Map<String, String> unended() {
    return pairs(
        """
        select t.id, concat_ws(' | ', to_jsonb(t) - 'id' - 'request_digest', to_jsonb(q), to_jsonb(o)) from task t
        left join dispatch_queue q on q.task_id = t.id left join open_task o on o.task_id = t.id
        where t.finished_at is null
        """);
  }

  /** What a person who looks at Kling's console decides of creates that nobody can know of. */
  private void look(Map<String, String> prompts) {
    List<String> waiting = reconciler.decide().waiting();
    if (waiting.isEmpty()) {
      return;
    }
    // What was sent before it answers this has arrived: its one thread may be far behind.
    new SimulatorClient(simulator.controlUrl()).totals();
    for (String task : waiting) {
      Set<String> known = Set.copyOf(klingIds().values());
      List<String> his =
          simulator.ledger().creates(create -> prompts.get(task).equals(create.prompt())).stream()
              .filter(create -> create.externalId() == null && !known.contains(create.taskId()))
              .filter(create -> isOfKind(task, create))
              .map(Ledger.Create::taskId)
              .toList();
      try {
        if (his.isEmpty()) {
          reconciler.decide().notAccepted(task);
        } else {
          reconciler.decide().accepted(task, his.get(0));
        }
      } catch (ProblemException tooEarly) {
        // It may still arrive, or has just ended.
      }
    }
  }

  private boolean isOfKind(String task, Ledger.Create create) {
    String kind = pairs("select id, kind from task").getOrDefault(task, "");
    String model = pairs("select id, upstream_model from task").getOrDefault(task, "");
    return create.path().endsWith(kind.replace("newer/", "")) && create.model().equals(model);
  }

  private Map<String, String> klingIds() {
    return pairs("select id, kling_task_id from task where kling_task_id is not null");
  }

  /** Whether a create was accepted is not known from its answer; nor do all callbacks come. */
  private void storm() {
    List.of(
            share(0.12, new Fault.ThenReset()),
            share(0.06, new Fault.ThenAnswer(504, "")),
            share(0.06, new Fault.Reset()),
            share(0.04, new Fault.Refuse(500, 5000, "internal")),
            share(0.05, new Fault.Refuse(429, 1303, "parallel task over resource pack limit")),
            share(0.05, new Fault.CallbackFirst("succeed")))
        .forEach(simulator::fault);
    simulator.fault(
        FaultRule.on(Operation.RENDER, new Fault.RenderFails("Image pixel is invalid"))
            .probability(0.1));
    simulator.fault(FaultRule.on(Operation.CALLBACK, new Fault.Drop()).probability(0.3));
  }

  private static FaultRule share(double share, Fault fault) {
    return FaultRule.on(Operation.CREATE, fault).probability(share);
  }

  private static String newer(String resolution) {
    return "{\"prompt\":\"PROMPT\",\"settings\":{\"resolution\":\"%s\",\"duration\":5,\"aspect_ratio\":\"16:9\"}}"
        .formatted(resolution);
  }

  private static String contents(String type) {
    return """
        {"contents":[{"type":"prompt","text":"PROMPT"},{"type":"%s","url":"%s"}],
         "settings":{"resolution":"720p","duration":5,"aspect_ratio":"16:9"}}"""
        .formatted(type, IMAGE);
  }
}
