package io.klingtracker.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a task costs and what its failure was, in its events and as it is read. */
class CostTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:30:00Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);

  @BeforeEach
  void tenant() {
    jdbi.useHandle(
        h -> h.execute("insert into tenant (id, name, created_at) values ('acme', 'A', now())"));
  }

  @Test
  void a_task_is_expected_to_cost_its_list_price_until_kling_says_what_it_took() throws Exception {
    String id = submitted(new BigDecimal("3.0"));
    assertCost(id, "3.0 0.42 USD expected");

    running(id);
    assertCost(id, "3.0 0.42 USD expected");

    end(id, new TaskSignal.Succeed("{}"), Cost.charged(new BigDecimal("2.4"), null, null));
    assertCost(id, "2.4 null null charged");
  }

  @Test
  void an_account_that_pays_in_money_is_charged_money() throws Exception {
    String named = submitted(BigDecimal.ONE);
    running(named);
    end(named, new TaskSignal.Succeed("{}"), Cost.charged(null, new BigDecimal("1.5"), "CNY"));
    assertCost(named, "null 1.5 CNY charged");

    String unnamed = submitted(BigDecimal.ONE);
    running(unnamed);
    end(
        unnamed,
        new TaskSignal.Succeed("{}"),
        Cost.charged(BigDecimal.ZERO, new BigDecimal("0.14"), null));
    assertCost(unnamed, "0 0.14 USD charged");

    // Of the account by whose host's the catalogue has another.
    String elsewhere = submitted(BigDecimal.ONE);
    jdbi.useHandle(h -> h.execute("update task set account = 'beijing' where id = ?", elsewhere));
    running(elsewhere);
    end(
        elsewhere,
        new TaskSignal.Succeed("{}"),
        Cost.charged(BigDecimal.ZERO, new BigDecimal("0.98"), null));
    assertCost(elsewhere, "0 0.98 CNY charged");
  }

  @Test
  void a_failure_of_which_kling_says_no_more_is_still_expected_and_one_that_it_refunds_is_charged()
      throws Exception {
    String unknown = submitted(BigDecimal.ONE);
    running(unknown);
    end(unknown, new TaskSignal.Failed(null, "no"), null);
    assertCost(unknown, "1 0.14 USD expected");

    String refunded = submitted(BigDecimal.ONE);
    running(refunded);
    end(refunded, new TaskSignal.Failed(null, "no"), Cost.charged(BigDecimal.ZERO, null, null));
    assertCost(refunded, "0 null null charged");
  }

  @Test
  void what_never_got_to_kling_costs_nothing() throws Exception {
    String canceled = submitted(BigDecimal.ONE);
    tasks.withdraw(canceled, Source.CANCEL, new TaskSignal.Canceled("no more"));
    assertCost(canceled, "0 0 USD charged");

    String refused = submitted(BigDecimal.ONE);
    tasks.withdraw(refused, Source.DISPATCH, new TaskSignal.Failed(1301, "not that"));
    assertCost(refused, "0 0 USD charged");
  }

  @Test
  void what_another_program_submits_has_no_cost_until_kling_says_it() throws Exception {
    String id =
        ((Submission.Stored)
                tasks.track(
                    new TrackedTask("acme", "text2video", "default", null, "shot", null, "video")))
            .taskId();
    assertCost(id, null);

    running(id);
    end(id, new TaskSignal.Succeed("{}"), Cost.charged(null, BigDecimal.TEN, null));
    assertCost(id, "null 10 USD charged");
  }

  @Test
  void a_failure_is_classed_whoever_tells_of_it() throws Exception {
    String refused = submitted(BigDecimal.ONE);
    tasks.withdraw(refused, Source.DISPATCH, new TaskSignal.Failed(1301, "not that"));
    assertError(refused, "policy false");

    String canceled = submitted(BigDecimal.ONE);
    tasks.withdraw(canceled, Source.CANCEL, new TaskSignal.Canceled("no more"));
    assertError(canceled, "canceled false");

    String failed = submitted(BigDecimal.ONE);
    running(failed);
    assertError(failed, "null null");
    end(failed, new TaskSignal.Failed(null, "Image pixel is invalid"), null);
    assertError(failed, "input false");

    String odd = submitted(BigDecimal.ONE);
    running(odd);
    end(odd, new TaskSignal.Failed(null, "never heard of"), null);
    assertError(odd, "kling null");
  }

  @Test
  void a_truth_after_the_expiry_takes_the_expiry_back() throws Exception {
    String id = submitted(BigDecimal.ONE);
    running(id);
    end(id, new TaskSignal.Expired("no news"), null);
    assertError(id, "expired null");

    end(id, new TaskSignal.Succeed("{}"), null);
    assertError(id, "null null");
  }

  private String submitted(BigDecimal units) {
    return GivenTask.of("acme").units(units.toString()).submit(tasks);
  }

  private void running(String id) {
    tasks.apply(
        new News(
            id, Source.DISPATCH, new TaskSignal.Submitted(), "k" + id, null, null, "submitted"));
  }

  private void end(String id, TaskSignal end, @Nullable Cost charge) {
    tasks.apply(new News(id, Source.POLL, end, "k" + id, charge, null, end.status().wireName()));
  }

  /** The newest event says what the task says. */
  private void assertCost(String id, @Nullable String expected) throws Exception {
    JsonNode cost = event(id).get("cost");
    assertEquals(cost, JSON.readTree(JSON.writeValueAsString(Cost.of(task(id)))));
    assertEquals(
        expected,
        cost.isNull()
            ? null
            : String.join(
                " ",
                List.of(
                    cost.get("units").asText(),
                    cost.get("amount").asText(),
                    cost.get("currency").asText(),
                    cost.get("state").asText())));
  }

  private void assertError(String id, String expected) throws Exception {
    JsonNode event = event(id);
    assertEquals(
        expected, event.get("error_class").asText() + " " + event.get("retryable").asText());
    assertEquals(expected, task(id).errorClass() + " " + task(id).retryable());
  }

  private Task task(String id) {
    return tasks.find("acme", id).orElseThrow();
  }

  private JsonNode event(String id) {
    return Schemas.event(
        jdbi.withHandle(
            h ->
                h.createQuery(
                        "select payload::text from task_event where task_id = :id"
                            + " order by sequence desc limit 1")
                    .bind("id", id)
                    .mapTo(String.class)
                    .one()));
  }
}
