package io.klingtracker.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the simulator tells of an account: its pack, and what was taken from it. */
class BillingTest {

  private static final String PATH = "/v1/videos/text2video";
  private static final String ALL = "{\"start_time\":0,\"end_time\":9999999999999,\"limit\":%d}";

  private KlingSimulator simulator;
  private SimulatorClient control;
  private Caller caller;

  @BeforeEach
  void start() {
    simulator = new KlingSimulator(Caller.settings().slots(10).balance(10)).start();
    control = new SimulatorClient(simulator.controlUrl());
    caller = new Caller(simulator);
  }

  @AfterEach
  void stop() {
    simulator.close();
  }

  @Test
  void a_pack_shows_what_is_left_of_it() throws Exception {
    JsonNode before = read(caller.get("/account/costs?start_time=0&end_time=1"));
    assertEquals(0, before.at("/data/code").asInt());
    assertEquals("success", before.at("/data/msg").asText());
    JsonNode pack = before.at("/data/resource_pack_subscribe_infos/0");
    assertEquals(10, pack.get("remaining_quantity").asDouble());
    assertEquals("online", pack.get("status").asText());
    assertTrue(pack.get("invalid_time").asLong() > pack.get("effective_time").asLong());

    create();
    assertEquals(
        7,
        read(caller.get("/account/costs?start_time=0&end_time=1"))
            .at("/data/resource_pack_subscribe_infos/0/remaining_quantity")
            .asDouble());
    assertEquals(400, caller.get("/account/costs").statusCode());
    assertEquals(404, caller.post("/account/costs", "{}").statusCode());
    assertEquals(401, caller.with(null).get("/account/costs").statusCode());
  }

  @Test
  void what_was_taken_is_listed_page_by_page_once_a_task_has_ended() throws Exception {
    List<String> ids = List.of(create(), create(), create());
    assertEquals(0, page(ALL.formatted(500)).at("/data/result/count").asInt());
    ids.forEach(id -> control.finish(id, "succeed", ""));

    List<String> listed = new ArrayList<>();
    JsonNode page = page(ALL.formatted(2));
    assertTrue(page.at("/data/has_more").asBoolean());
    page.at("/data/result/detail").forEach(entry -> listed.add(entry.get("task_id").asText()));
    page = page("{\"cursor\":\"" + page.at("/data/next_cursor").asText() + "\"}");
    assertFalse(page.at("/data/has_more").asBoolean());
    page.at("/data/result/detail").forEach(entry -> listed.add(entry.get("task_id").asText()));

    assertEquals(ids, listed);
    assertEquals(3, page.at("/data/result/detail/0/deduction_amount").asDouble());
    assertEquals(
        0,
        read(caller.post("/account/billing/balance", ALL.formatted(500)))
            .at("/data/result/count")
            .asInt());
    assertEquals(400, caller.post("/account/billing/package", "{}").statusCode());
  }

  @Test
  void what_failed_is_refunded_and_not_listed() throws Exception {
    control.finish(create(), "failed", "no");

    assertEquals(0, page(ALL.formatted(500)).at("/data/result/count").asInt());
  }

  @Test
  void an_account_that_pays_in_money_is_told_so_by_both_generations() throws Exception {
    control.cash("CNY", new BigDecimal("0.2"));
    String id = create();
    control.finish(id, "succeed", "");

    JsonNode legacy = read(caller.get(PATH + "/" + id)).get("data");
    assertEquals("0", legacy.get("final_unit_deduction").asText());
    assertEquals("0.6", legacy.at("/final_balance_deduction/quota").asText());
    JsonNode newer = read(caller.get("/tasks?task_ids=" + id)).at("/data/0/billing/0");
    assertEquals("cash", newer.get("charge_type").asText());
    assertEquals("CNY", newer.get("currency").asText());
    assertEquals("0.6", newer.get("amount").asText());
    assertEquals(0, page(ALL.formatted(500)).at("/data/result/count").asInt());
    JsonNode taken =
        read(caller.post("/account/billing/balance", ALL.formatted(500))).at("/data/result");
    assertEquals(id, taken.at("/detail/0/task_id").asText());
    assertEquals(0.6, taken.at("/detail/0/deduction_amount").asDouble());

    control.cash("", BigDecimal.ONE);
    assertEquals(1, page(ALL.formatted(500)).at("/data/result/count").asInt());
  }

  private JsonNode page(String body) throws Exception {
    return read(caller.post("/account/billing/package", body));
  }

  private String create() throws Exception {
    return read(caller.post(PATH, "{\"model_name\":\"kling-v3\",\"prompt\":\"a\"}"))
        .at("/data/task_id")
        .asText();
  }

  private static JsonNode read(HttpResponse<String> answer) throws Exception {
    assertEquals(200, answer.statusCode(), answer.body());
    return new ObjectMapper().readTree(answer.body());
  }
}
