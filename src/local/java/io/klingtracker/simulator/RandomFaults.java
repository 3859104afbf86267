package io.klingtracker.simulator;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * All faults that there are, together and at random. A new kind has to be added here, or this
 * fails.
 */
public final class RandomFaults {

  /** What Kling refuses with that may be over a moment later, and what it fails a task for. */
  private static final List<Fault.Refuse> REFUSALS =
      List.of(
          new Fault.Refuse(429, 1302, "too many requests"),
          new Fault.Refuse(503, 5001, "maintenance"),
          new Fault.Refuse(500, 5000, "internal"),
          new Fault.Refuse(504, 5002, "backlog"),
          new Fault.Refuse(401, 1004, "Authorization has expired"),
          new Fault.Refuse(401, 1001, "Authorization is empty"),
          new Fault.Refuse(429, 1102, "Account balance not enough"),
          new Fault.Refuse(400, 1301, "Failure to pass the risk control system"),
          new Fault.Refuse(400, 1201, "element_name Ann already exists"),
          new Fault.Refuse(400, 1201, "External_task_id somebody-s already exists"));

  private static final List<String> BODIES =
      List.of("", "{", "null", "{\"code\":0", "{\"code\":0,\"data\":null}", "<html>", "[]", "\0");

  /** Of a gateway that lets nothing through. */
  private static final List<Integer> TURNED_AWAY = List.of(400, 401, 403, 404, 405, 409, 429, 451);

  /** Of one that may have let it through. */
  private static final List<Integer> MAYBE = List.of(200, 204, 408, 500, 502, 503, 504, 520);

  private static final List<String> WORDS =
      List.of("submitted", "processing", "succeed", "failed", "unheard-of");

  private static final List<String> DEDUCTIONS =
      List.of("1E+200000", "-5", "NaN", "none", "1,5", "0.0000000001", "9".repeat(80));

  private final Random random;
  private final double share;
  private final Duration longest;

  private RandomFaults(Random random, double share, Duration longest) {
    this.random = random;
    this.share = share;
    this.longest = longest;
  }

  /**
   * Rules of every kind, for everything that the kind can strike, in random order.
   *
   * @param share of matches that each strikes at most
   * @param longest any wait; above the limits of whoever calls
   */
  public static List<FaultRule> all(Random random, double share, Duration longest) {
    return new RandomFaults(random, share, longest).rules();
  }

  private List<FaultRule> rules() {
    List<FaultRule> rules = new ArrayList<>();
    for (FaultKinds.Kind kind : FaultKinds.all()) {
      for (Operation on : kind.on()) {
        // What is for any request stands for each of the three already.
        if (on != Operation.REQUEST) {
          rules.add(rule(kind.type(), on));
        }
      }
    }
    Collections.shuffle(rules, random);
    return rules;
  }

  private FaultRule rule(String type, Operation on) {
    FaultRule rule =
        FaultRule.on(on, fault(type, on)).probability(share * (1 + random.nextInt(9)) / 10);
    return type.equals("outage")
        ? rule.probability(1).nth(10 + random.nextInt(50))
        : type.equals("burst") ? rule.probability(1) : rule;
  }

  private Fault fault(String type, Operation on) {
    return switch (type) {
      case "refuse" -> refusal(on);
      case "answer" -> new Fault.Answer(one(TURNED_AWAY), one(BODIES));
      case "page" -> new Fault.Page(one(TURNED_AWAY));
      case "redirect" -> new Fault.Redirect(300 + random.nextInt(9), "/elsewhere");
      case "burst" -> new Fault.Burst(1 + random.nextInt(3), 20 + random.nextInt(80));
      case "revoked" -> new Fault.Revoked(random.nextBoolean() ? "api-key" : "key-pair");
      case "reset" -> new Fault.Reset();
      case "delay" -> new Fault.Delay(longest.toMillis());
      case "outage" -> new Fault.Outage(longest.toMillis());
      case "then-reset" -> new Fault.ThenReset();
      case "then-answer" -> new Fault.ThenAnswer(one(MAYBE), one(BODIES));
      case "then-page" -> new Fault.ThenPage(one(MAYBE));
      case "then-delay" -> new Fault.ThenDelay(longest.toMillis());
      case "leave-out" -> new Fault.LeaveOut(random.nextDouble());
      case "nul" -> new Fault.Nul();
      case "text-numbers" -> new Fault.TextNumbers();
      case "number-ids" -> new Fault.NumberIds();
      case "odd-deduction" -> new Fault.OddDeduction(one(DEDUCTIONS));
      case "byte-order-mark" -> new Fault.ByteOrderMark();
      case "callback-first" -> new Fault.CallbackFirst(WORDS.get(random.nextInt(4)));
      case "render-fails" -> new Fault.RenderFails("Image pixel is invalid");
      case "render-takes" -> new Fault.RenderTakes(0, longest.toMillis());
      case "drop" -> new Fault.Drop();
      case "repeat" -> new Fault.Repeat(2 + random.nextInt(5));
      case "swap" -> new Fault.Swap();
      case "forge" -> new Fault.Forge(one(WORDS));
      case "contradict" -> new Fault.Contradict(one(WORDS));
      case "other-dialect" -> new Fault.OtherDialect();
      case "envelope" -> new Fault.Envelope();
      case "raw-body" -> new Fault.RawBody(one(BODIES));
      case "wrong-signature" -> new Fault.WrongSignature();
      case "unsigned" -> new Fault.Unsigned();
      default -> throw new IllegalStateException(type + " is not among the random faults");
    };
  }

  /** A question is refused for what passes alone: else no task would be what Kling says it is. */
  private Fault.Refuse refusal(Operation on) {
    return on == Operation.CREATE ? one(REFUSALS) : REFUSALS.get(random.nextInt(6));
  }

  private <T> T one(List<T> of) {
    return of.get(random.nextInt(of.size()));
  }
}
