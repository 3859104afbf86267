package io.klingtracker.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The faults of the field, and the control port, which takes no nonsense. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FaultsTest {

  private static final String PATH = "/v1/videos/text2video";
  private static final String BODY = "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}";

  private KlingSimulator simulator;
  private SimulatorClient control;
  private Caller caller;

  @BeforeAll
  void start() {
    simulator = new KlingSimulator(Caller.settings().slots(1000)).start();
    control = new SimulatorClient(simulator.controlUrl());
  }

  @BeforeEach
  void afresh() {
    control.reset();
    caller = new Caller(simulator);
  }

  @AfterAll
  void stop() {
    simulator.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'on':'create','fault':{'type':'nonsense'}}"
            + "|fault.type nonsense is not known; GET / lists all there are",
        "{'on':'create','fault':{}}|fault.type is missing",
        "{'on':'create','fault':{'type':7}}|fault.type must be a text, not 7",
        "{'on':'create','fault':7}|fault must be a object, not 7",
        "{'on':'create'}|fault is missing",
        "{'fault':{'type':'reset'}}|on is missing",
        "{'on':'dinner','fault':{'type':'reset'}}"
            + "|on must be one of create, query, list, request, render, callback, not dinner",
        "{'on':'create','fault':{'type':'page'}}|fault.status is missing",
        "{'on':'create','fault':{'type':'page','status':99}}|status must be 200 to 599, not 99",
        "{'on':'create','fault':{'type':'page','status':'404'}}"
            + "|fault.status must be a whole number, not '404'",
        "{'on':'create','fault':{'type':'page','status':404.5}}"
            + "|fault.status must be a whole number, not 404.5",
        "{'on':'create','fault':{'type':'page','status':404,'stat':1}}"
            + "|fault.stat is not known; there are type, status",
        "{'on':'create','fault':{'type':'redirect','status':200,'location':'/'}}"
            + "|status must be 300 to 399, not 200",
        "{'on':'create','fault':{'type':'delay','millis':-1}}"
            + "|millis must be 0 to 3600000, not -1",
        "{'on':'create','fault':{'type':'burst','length':5,'every':4}}"
            + "|every must be 5 to 1000, not 4",
        "{'on':'list','fault':{'type':'leave-out','share':1.5}}|share must be 0 to 1, not 1.5",
        "{'on':'request','fault':{'type':'revoked','credential':'all'}}"
            + "|credential must be one of api-key, key-pair, not all",
        "{'on':'create','fault':{'type':'callback-first','status':'done'}}"
            + "|status must be one of submitted, processing, succeed, failed, not done",
        "{'on':'create','fault':{'type':'drop'}}|drop strikes callback, not create",
        "{'on':'create','status':'succeed','fault':{'type':'reset'}}"
            + "|status is for callbacks, not for create",
        "{'on':'list','task':'1','fault':{'type':'reset'}}"
            + "|task is for what is about one task, not for list",
        "{'on':'create','time':1,'fault':{'type':'reset'}}"
            + "|time is not known; there are on, task, status, from, times, probability, fault",
        "{'on':'create','times':-1,'fault':{'type':'reset'}}|times must not be negative",
        "{'on':'create','probability':2,'fault':{'type':'reset'}}"
            + "|probability must be 0 to 1, not 2.0",
        "[]|the body is no JSON object",
        "{'on'|the body is no JSON object",
        "''|on is missing",
      })
  void nonsense_is_no_fault(String body, String error) throws Exception {
    HttpResponse<String> answer =
        caller.post(simulator.controlUrl() + "/faults", body.replace('\'', '"'));

    assertEquals(400, answer.statusCode());
    assertEquals(
        error.replace('\'', '"'), Json.MAPPER.readTree(answer.body()).get("error").asText());
    assertEquals(0, overview().get("ordered").size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/outage|{}|millis is missing",
        "/outage|{'millis':'long'}|millis must be a whole number, not 'long'",
        "/outage|{'millis':-5}|millis must be 0 to 3600000, not -5",
        "/settings|{'slot':5}|slot is not known; there are slots, submitted_millis, total_millis, cash, cash_unit",
        "/settings|{'slots':'five'}|slots must be a whole number, not 'five'",
        "/settings|{'slots':-1}|slots must not be negative",
        "/settings|{'total_millis':-1}|total_millis must be 0 to 3600000, not -1",
        "/finish|{'status':'succeed'}|task is missing",
        "/finish|{'task':'nobody'}|no such task: nobody",
        "/callbacks|{'task':'nobody','body':{}}|body must be a text, not {}",
        "/hold|{'millis':5}|millis is not known; there are ",
        "/reset|nonsense|the body is no JSON object",
      })
  void nonsense_is_no_order(String path, String body, String error) throws Exception {
    HttpResponse<String> answer =
        caller.post(simulator.controlUrl() + path, body.replace('\'', '"'));

    assertEquals(400, answer.statusCode());
    assertEquals(
        error.replace('\'', '"').strip(),
        Json.MAPPER.readTree(answer.body()).get("error").asText().strip());
  }

  @Test
  void the_overview_lists_every_fault_and_what_came_of_those_on_order() throws Exception {
    control.fault(FaultRule.on(Operation.CREATE, new Fault.Page(403)).nth(2));
    caller.post(PATH, BODY);
    caller.post(PATH, BODY);
    caller.post(PATH, BODY);

    JsonNode overview = overview();
    assertEquals(
        FaultKinds.all().stream().map(FaultKinds.Kind::type).toList(),
        overview.get("faults").findValuesAsText("type"));
    JsonNode page = overview.at("/faults/2");
    assertEquals("page", page.get("type").asText());
    assertEquals("whole number", page.at("/parameters/status").asText());
    assertEquals("create", page.at("/on/0").asText());
    JsonNode ordered = overview.at("/ordered/0");
    assertEquals(403, ordered.at("/rule/fault/status").asInt());
    assertEquals(3, ordered.get("seen").asInt());
    assertEquals(1, ordered.get("struck").asInt());
    assertEquals(2, overview.at("/state/tasks").asInt());
    assertTrue(overview.get("orders").has("POST /faults"));
  }

  @Test
  void the_docs_show_every_fault() throws Exception {
    String table =
        FaultKinds.all().stream()
            .map(
                kind ->
                    "| `%s` | %s | %s | %s |"
                        .formatted(
                            kind.type(),
                            kind.on().stream()
                                .map(Operation::word)
                                .collect(Collectors.joining(", ")),
                            kind.parameters().entrySet().stream()
                                .map(
                                    parameter ->
                                        parameter.getValue().required()
                                            ? "`" + parameter.getKey() + "`"
                                            : "`[" + parameter.getKey() + "]`")
                                .collect(Collectors.joining(", ")),
                            kind.says()))
            .collect(Collectors.joining("\n"));

    assertTrue(
        Files.readString(Path.of("src/docs/testing.md")).contains(table),
        "src/docs/testing.md should have\n" + table);
  }

  @Test
  void a_gateway_answers_in_its_own_words() throws Exception {
    control.fault(FaultRule.on(Operation.CREATE, new Fault.Page(413)).times(1));
    control.fault(FaultRule.on(Operation.CREATE, new Fault.Redirect(302, "/login")).times(1));
    control.fault(FaultRule.on(Operation.CREATE, new Fault.Answer(400, null)).times(1));

    HttpResponse<String> page = caller.post(PATH, BODY);
    assertEquals(413, page.statusCode());
    assertEquals("text/html", page.headers().firstValue("Content-Type").orElse(""));
    assertTrue(page.body().startsWith("<html>"));
    HttpResponse<String> redirect = caller.post(PATH, BODY);
    assertEquals(302, redirect.statusCode());
    assertEquals("/login", redirect.headers().firstValue("Location").orElse(""));
    HttpResponse<String> empty = caller.post(PATH, BODY);
    assertEquals(400, empty.statusCode());
    assertEquals("", empty.body());
    assertTrue(empty.headers().firstValue("Content-Type").isEmpty());
    assertEquals(0, control.totals().accepted());
  }

  @Test
  void a_gateway_s_page_can_hide_an_acceptance() throws Exception {
    control.fault(FaultRule.on(Operation.CREATE, new Fault.ThenPage(504)));

    assertEquals(504, caller.post(PATH, BODY).statusCode());
    assertEquals(1, control.totals().accepted());
  }

  @Test
  void each_credential_is_revoked_for_itself() throws Exception {
    control.fault(FaultRule.on(Operation.REQUEST, new Fault.Revoked("api-key")));
    long now = System.currentTimeMillis() / 1000;

    HttpResponse<String> key = caller.get(PATH);
    assertEquals(401, key.statusCode());
    assertEquals(1002, json(key).get("code").asInt());
    caller.withToken(Caller.ACCESS_KEY, Caller.SECRET_KEY, now - 5, now + 1800);
    assertEquals(200, caller.get(PATH).statusCode());
    control.clearFaults();
    control.fault(FaultRule.on(Operation.REQUEST, new Fault.Revoked("key-pair")));
    assertEquals(1000, json(caller.get(PATH)).get("code").asInt());
    assertEquals(200, caller.with("Bearer " + Caller.API_KEY).get(PATH).statusCode());
  }

  @Test
  void refusals_come_in_bursts() throws Exception {
    control.fault(FaultRule.on(Operation.CREATE, new Fault.Burst(2, 5)));

    List<Integer> codes = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      codes.add(json(caller.post(PATH, BODY)).get("code").asInt());
    }

    assertEquals(List.of(0, 0, 0, 1303, 1303, 0, 0, 0, 1303, 1303), codes);
  }

  @Test
  void what_is_left_out_is_neither_listed_nor_found() throws Exception {
    for (int i = 0; i < 40; i++) {
      caller.post(
          PATH,
          "{\"model_name\":\"kling-v3\",\"prompt\":\"a\",\"external_task_id\":\"x%d\"}"
              .formatted(i));
    }
    control.fault(FaultRule.on(Operation.LIST, new Fault.LeaveOut(0.5)));
    control.fault(FaultRule.on(Operation.QUERY, new Fault.LeaveOut(0.5)));

    JsonNode listed = json(caller.get(PATH + "?pageSize=500")).get("data");
    assertTrue(listed.size() > 0 && listed.size() < 40, "listed: " + listed.size());
    int found = 0;
    for (int i = 0; i < 40; i++) {
      found += caller.get(PATH + "/x" + i).statusCode() == 200 ? 1 : 0;
    }
    assertEquals(listed.size(), found);
  }

  @Test
  void answers_are_odd() throws Exception {
    String id = json(caller.post(PATH, BODY)).at("/data/task_id").asText();
    control.finish(id, "failed", "too dark");
    String path = PATH + "/" + id;

    control.fault(FaultRule.on(Operation.QUERY, new Fault.Nul()).times(1));
    JsonNode nul = json(caller.get(path));
    assertEquals("too dark\0", nul.at("/data/task_status_msg").asText());
    assertTrue(nul.has("note\0"));
    control.fault(FaultRule.on(Operation.QUERY, new Fault.TextNumbers()).times(1));
    JsonNode text = json(caller.get(path));
    assertEquals("\"0\"", text.get("code").toString());
    assertTrue(text.at("/data/created_at").isTextual());
    control.fault(FaultRule.on(Operation.QUERY, new Fault.NumberIds()).times(1));
    assertEquals(id, json(caller.get(path)).at("/data/task_id").toString());
    control.fault(FaultRule.on(Operation.QUERY, new Fault.OddDeduction("1E+200000")).times(1));
    assertEquals("1E+200000", json(caller.get(path)).at("/data/final_unit_deduction").asText());
    control.fault(FaultRule.on(Operation.QUERY, new Fault.ByteOrderMark()).times(1));
    HttpResponse<String> marked = caller.get(path);
    assertTrue(marked.body().startsWith("\u00ef\u00bb\u00bf{"), marked.body());
    assertEquals("text/plain", marked.headers().firstValue("Content-Type").orElse(""));
    assertFalse(json(caller.get(path)).has("note\0"));
  }

  private JsonNode overview() throws IOException {
    return json(caller.get(simulator.controlUrl() + "/"));
  }

  private static JsonNode json(HttpResponse<String> answer) throws IOException {
    return Json.MAPPER.readTree(answer.body());
  }
}
