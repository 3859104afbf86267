package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.json.Body;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class UpstreamBodyTest {

  private static final Kind TEXT2VIDEO =
      Catalog.current().ofPath("videos/text2video").orElseThrow();

  @Test
  void only_what_is_ours_is_set() {
    assertEquals(
        """
        {"zeta":1.10,"model_name":"kling-v3","prompt":"a","unknown":{"n":1E2},\
        "external_task_id":"task_1","callback_url":"https://me/cb"}""",
        upstream(
            """
            {"zeta":1.10,"model_name":"best","prompt":"a","unknown":{"n":1E2},\
            "external_task_id":"theirs","callback_url":"https://theirs"}""",
            "kling-v3"));
  }

  @Test
  void what_is_missing_goes_to_the_end() {
    assertEquals(
        "{\"prompt\":\"a\",\"external_task_id\":\"task_1\",\"callback_url\":\"https://me/cb\"}",
        upstream("{\"prompt\":\"a\"}", "kling-v1"));
  }

  @Test
  void a_mapped_default_is_named() {
    assertEquals(
        """
        {"prompt":"a","model_name":"kling-v3","external_task_id":"task_1",\
        "callback_url":"https://me/cb"}""",
        upstream("{\"prompt\":\"a\"}", "kling-v3"));
  }

  @Test
  void the_alias_becomes_the_real_name() {
    assertEquals(
        """
        {"model_name":"kling-v3","prompt":"a","external_task_id":"task_1",\
        "callback_url":"https://me/cb"}""",
        upstream("{\"model\":\"best\",\"prompt\":\"a\"}", "kling-v3"));
    assertEquals(
        """
        {"model_name":"kling-v3","external_task_id":"task_1","callback_url":"https://me/cb"}""",
        upstream("{\"model\":\"best\",\"model_name\":null}", "kling-v3"));
  }

  @Test
  void seconds_that_came_as_an_int_are_sent_as_a_string() {
    assertEquals(
        """
        {"multi_shot":true,"shot_type":"customize","duration":"5","multi_prompt":\
        [{"duration":"2"},{"duration":"3"}],"x":{"duration":4},"external_task_id":"task_1",\
        "callback_url":"https://me/cb"}""",
        upstream(
            """
            {"multi_shot":true,"shot_type":"customize","duration":5,"multi_prompt":\
            [{"duration":2},{"duration":"3"}],"x":{"duration":4}}""",
            "kling-v1"));
  }

  @Test
  void unused_shots_stay_as_they_are() {
    assertEquals(
        """
        {"multi_prompt":[{"duration":2}],"external_task_id":"task_1","callback_url":"https://me/cb"}""",
        upstream("{\"multi_prompt\":[{\"duration\":2}]}", "kling-v1"));
  }

  @Test
  void a_duration_that_is_a_number_at_kling_stays_one() {
    Kind audio = Catalog.current().ofPath("audio/text-to-audio").orElseThrow();

    assertEquals(
        "{\"duration\":5,\"external_task_id\":\"task_1\",\"callback_url\":\"https://me/cb\"}",
        UpstreamBody.of(audio, Body.parse("{\"duration\":5}"), null, "task_1", "https://me/cb"));
  }

  @Test
  void what_a_model_does_not_take_is_not_sent_and_the_caller_s_own_not_either() {
    String own = "\"callback_url\":\"https://theirs\",\"external_task_id\":\"theirs\"";
    Catalog catalog =
        CatalogOver.read(
            "models: {kling-v3: {takes: {callback_url: false, external_task_id: false}},"
                + " kling-4.0: {takes: {callback_url: false, external_task_id: true}}}");

    Kind legacy = catalog.ofName("text2video").orElseThrow();
    assertEquals("{\"prompt\":\"a\",\"model_name\":\"kling-v3\"}", sent(legacy, "kling-v3", ""));
    assertEquals(
        "{\"prompt\":\"a\",\"callback_url\":\"\",\"external_task_id\":\"\",\"model_name\":\"kling-v3\"}",
        sent(legacy, "kling-v3", "," + own));
    Kind newer = catalog.ofName("text-to-video").orElseThrow();
    assertEquals(
        "{\"prompt\":\"a\",\"options\":{\"external_task_id\":\"task_1\"}}",
        sent(newer, "kling-4.0", ""));
    assertEquals(
        "{\"prompt\":\"a\",\"options\":{\"callback_url\":\"\",\"external_task_id\":\"task_1\"}}",
        sent(newer, "kling-4.0", ",\"options\":{" + own + "}"));
  }

  @Test
  void the_prompt_is_where_the_kind_has_it() {
    Kind legacy = Catalog.current().ofName("text2video").orElseThrow();
    Kind newer = Catalog.current().ofName("newer/omni-video").orElseThrow();
    String contents = "{\"contents\":[{\"type\":\"image\"},{\"type\":\"prompt\",\"text\":\"a\"}]}";

    assertEquals("a", UpstreamBody.prompt(legacy, "{\"prompt\":\"a\"}"));
    assertEquals("", UpstreamBody.prompt(legacy, "{}"));
    assertEquals("", UpstreamBody.prompt(legacy, contents));
    assertEquals("a", UpstreamBody.prompt(newer, contents));
    assertEquals("b", UpstreamBody.prompt(newer, "{\"prompt\":\"b\"}"));
  }

  private static String sent(Kind kind, String model, String more) {
    return UpstreamBody.of(
        kind, Body.parse("{\"prompt\":\"a\"" + more + "}"), model, "task_1", "https://me/cb");
  }

  private static String upstream(String body, @Nullable String model) {
    return UpstreamBody.of(TEXT2VIDEO, Body.parse(body), model, "task_1", "https://me/cb");
  }
}
