package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.json.Body;
import io.klingtracker.json.Excerpts;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule of text2video with bodies on both sides of each of its boundaries. */
class Text2VideoRulesTest {

  private static final Kind TEXT2VIDEO =
      Catalog.current().ofPath("videos/text2video").orElseThrow();

  /** Two chars, one code point. */
  private static final String EMOJI = "🎬";

  /** A rule, bodies it lets pass, and bodies it refuses with words of the refusal. */
  private record Rule(String name, List<String> accepted, List<Refused> refused) {
    static Rule of(String name) {
      return new Rule(name, new ArrayList<>(), new ArrayList<>());
    }

    Rule accepts(String... members) {
      accepted.addAll(List.of(members));
      return this;
    }

    Rule refuses(String members, String... words) {
      refused.add(new Refused(members, List.of(words)));
      return this;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private record Refused(String members, List<String> words) {}

  static Stream<Rule> rules() {
    return Stream.of(
        Rule.of("prompt is required in a single shot")
            .accepts(v3("'prompt':'a'"))
            .refuses(v3("'sound':'off'"), "prompt", "missing")
            .refuses(v3("'prompt':''"), "prompt", "missing")
            .refuses(v3("'prompt':null"), "prompt", "missing")
            .refuses(v3("'prompt':7"), "prompt value '7'", "text"),
        Rule.of("prompt has at most 2500 code points")
            .accepts(v3(prompt("a".repeat(2500))), v3(prompt(EMOJI.repeat(2500))))
            .refuses(v3(prompt("a".repeat(2501))), "prompt", "2500", "2501")
            .refuses(v3(prompt(EMOJI.repeat(2501))), "prompt", "2500", "2501"),
        Rule.of("negative_prompt has at most 2500 code points")
            .accepts(some("'negative_prompt':'" + EMOJI.repeat(2500) + "'"))
            .accepts(some("'negative_prompt':''"), some("'negative_prompt':null"))
            .refuses(some("'negative_prompt':'" + EMOJI.repeat(2501) + "'"), "negative_prompt")
            .refuses(some("'negative_prompt':[1]"), "negative_prompt"),
        Rule.of("multi_shot is a boolean, also as a word")
            .accepts(some("'multi_shot':false"), some("'multi_shot':'false'"))
            .accepts(v3(shots("5", "5").replace("true", "'true'")))
            .refuses(some("'multi_shot':'yes'"), "multi_shot value 'yes'")
            .refuses(some("'multi_shot':1"), "multi_shot value '1'"),
        Rule.of("multi_shot needs shot_type")
            .accepts(v3("'multi_shot':true,'shot_type':'intelligence','prompt':'a'"))
            .refuses(v3("'multi_shot':true,'prompt':'a'"), "shot_type", "missing")
            .refuses(v3("'multi_shot':true,'shot_type':''"), "shot_type", "missing")
            .refuses(
                v3("'multi_shot':true,'shot_type':'auto'"), "shot_type value 'auto'", "customize"),
        Rule.of("intelligence needs prompt")
            .accepts(v3("'multi_shot':true,'shot_type':'intelligence','prompt':'a'"))
            .refuses(v3("'multi_shot':true,'shot_type':'intelligence'"), "prompt", "missing")
            .refuses(
                v3("'multi_shot':true,'shot_type':'intelligence'," + prompt(EMOJI.repeat(2501))),
                "prompt",
                "2500"),
        Rule.of("customize needs multi_prompt, one to six shots")
            .accepts(v3(shots("5", "5")), v3(shots("6", "1", "1", "1", "1", "1", "1")))
            .refuses(v3("'multi_shot':true,'shot_type':'customize'"), "multi_prompt", "missing")
            .refuses(v3(shots("5")), "multi_prompt", "required")
            .refuses(v3(shots("7", "1", "1", "1", "1", "1", "1", "1")), "multi_prompt", "1 to 6")
            .refuses(
                v3("'multi_shot':true,'shot_type':'customize','multi_prompt':{'x':1}"),
                "multi_prompt",
                "array"),
        Rule.of("a shot has an index, used once")
            .accepts(v3(shotsRaw("5", shot("1", "a", "'2'"), shot("2", "a", "'3'"))))
            .refuses(
                v3(shotsRaw("5", "{'prompt':'a','duration':'5'}")),
                "multi_prompt[0].index",
                "missing")
            .refuses(v3(shotsRaw("5", shot("'1'", "a", "'5'"))), "multi_prompt[0].index")
            .refuses(v3(shotsRaw("5", shot("1.5", "a", "'5'"))), "multi_prompt[0].index")
            .refuses(
                v3(shotsRaw("5", shot("1", "a", "'2'"), shot("1", "a", "'3'"))),
                "multi_prompt[1].index",
                "two shots"),
        Rule.of("a shot's prompt has at most 512 code points")
            .accepts(v3(shotsRaw("5", shot("1", EMOJI.repeat(512), "'5'"))))
            .refuses(
                v3(shotsRaw("5", shot("1", EMOJI.repeat(513), "'5'"))),
                "multi_prompt[0].prompt",
                "512",
                "513")
            .refuses(v3(shotsRaw("5", shot("1", "", "'5'"))), "multi_prompt[0].prompt", "missing"),
        Rule.of("a shot lasts at least a second and not longer than the task")
            .accepts(v3(shots("3", "1", "2")), v3(shots("15", "15")))
            .refuses(v3(shots("5", "0", "5")), "multi_prompt[0].duration value '0'")
            .refuses(v3(shots("5", "6")), "multi_prompt[0].duration value '6'", "task's duration")
            .refuses(v3(shots("15", "16")), "multi_prompt[0].duration value '16'"),
        Rule.of("the shots add up to duration")
            .accepts(v3(shots("15", "2", "3", "3", "3", "3", "1")), v3(shots("5", "2", "3")))
            .accepts(v3(shots("5", "2", "3").replace("'duration':'5',", "")))
            .accepts(v3(shotsRaw("5", shot("1", "a", "2"), shot("2", "a", "'3'"))))
            .refuses(v3(shots("5", "2", "2")), "multi_prompt", "add up to 4", "5")
            .refuses(v3(shots("5", "2", "4")), "multi_prompt", "add up to 6", "5"),
        Rule.of("what multi_shot leaves unused is not checked")
            .accepts(some("'shot_type':7,'multi_prompt':'x'"))
            .accepts(some("'multi_shot':false,'shot_type':'x','multi_prompt':[1,2,3,4,5,6,7]"))
            .accepts(v3(shots("5", "5") + "," + prompt("a".repeat(9000))))
            .accepts(v3(shots("5", "5") + ",'prompt':7"))
            .accepts(
                v3(
                    "'multi_shot':true,'shot_type':'intelligence','prompt':'a',"
                        + "'multi_prompt':7")),
        Rule.of("voice_list has at most two voices")
            .accepts(voices(1, "a <<<voice_1>>>"), voices(2, "<<<voice_1>>> <<<voice_2>>>"))
            .accepts(some("'voice_list':[]"))
            .refuses(voices(3, "a"), "voice_list", "0 to 2")
            .refuses(
                some("'sound':'on','voice_list':[{'x':1}]"), "voice_list[0].voice_id", "missing")
            .refuses(some("'sound':'on','voice_list':['a']"), "voice_list[0]", "object"),
        Rule.of("voice_list needs sound")
            .accepts(voices(1, "<<<voice_1>>>"))
            .refuses(some("'voice_list':[{'voice_id':'a'}]"), "voice_list", "sound")
            .refuses(some("'sound':'off','voice_list':[{'voice_id':'a'}]"), "voice_list", "sound"),
        Rule.of("a voice that a prompt refers to exists")
            .accepts(voices(2, "<<<voice_2>>>"))
            .refuses(voices(1, "<<<voice_2>>>"), "<<<voice_2>>>", "1 entry")
            .refuses(voices(1, "<<<voice_0>>>"), "<<<voice_0>>>")
            .refuses(v3("'prompt':'<<<voice_1>>> speaks'"), "<<<voice_1>>>", "0 entries")
            .refuses(
                v3(shotsRaw("5", shot("1", "<<<voice_1>>>", "'5'"))), "<<<voice_1>>>", "0 entries"),
        Rule.of("element_list has at most three elements and no voices beside it")
            .accepts(some("'element_list':[{'element_id':829836802793406551}]"))
            .accepts(some("'element_list':[" + elements(3) + "]"))
            .refuses(some("'element_list':[" + elements(4) + "]"), "element_list", "0 to 3")
            .refuses(some("'element_list':[{'element_id':'x'}]"), "element_list[0].element_id")
            .refuses(
                voices(1, "<<<voice_1>>>").replace("}]", "}],'element_list':[{'element_id':1}]"),
                "element_list",
                "voice_list"),
        Rule.of("sound is on or off")
            .accepts(some("'sound':'on'"), some("'sound':'off'"))
            .refuses(some("'sound':'yes'"), "sound value 'yes'", "on, off")
            .refuses(some("'sound':true"), "sound value 'true'"),
        Rule.of("sound needs V2.6 or later, and there mode pro")
            .accepts(model("kling-v2-6", "'sound':'on','mode':'pro'"))
            .accepts(model("kling-v2-6", "'sound':'off'"), model("kling-v1-6", "'sound':'off'"))
            .accepts(model("kling-v3", "'sound':'on','mode':'std'"))
            .refuses(model("kling-v2-6", "'sound':'on','mode':'std'"), "sound value 'on'", "pro")
            .refuses(model("kling-v2-6", "'sound':'on'"), "sound value 'on'", "pro")
            .refuses(model("kling-v2-5-turbo", "'sound':'on'"), "sound", "kling-v2-5-turbo")
            .refuses(model("kling-v1-6", "'sound':'on'"), "sound", "off", "kling-v1-6"),
        Rule.of("cfg_scale is 0 to 1")
            .accepts(some("'cfg_scale':0"), some("'cfg_scale':1"), some("'cfg_scale':0.5"))
            .accepts(some("'cfg_scale':1.0"))
            .refuses(some("'cfg_scale':-0.01"), "cfg_scale value '-0.01'", "0 to 1")
            .refuses(some("'cfg_scale':1.01"), "cfg_scale value '1.01'")
            .refuses(some("'cfg_scale':'0.5'"), "cfg_scale"),
        Rule.of("mode is std, pro or, with V3, 4k")
            .accepts(some("'mode':'std'"), some("'mode':'pro'"), some("'mode':'4k'"))
            .refuses(some("'mode':'standard'"), "mode value 'standard'", "std, pro, 4k")
            .refuses(model("kling-v2-6", "'mode':'4k'"), "mode value '4k'", "kling-v2-6"),
        Rule.of("camera_control has a known type")
            .accepts(camera("'type':'down_back'"), camera("'type':'forward_up'"))
            .accepts(camera("'type':'right_turn_forward'"), camera("'type':'left_turn_forward'"))
            .refuses(camera("'type':'up'"), "camera_control.type value 'up'")
            .refuses(camera("'x':1"), "camera_control.type", "missing")
            .refuses(some("'camera_control':'simple'"), "camera_control", "object"),
        Rule.of("a simple camera moves on exactly one axis")
            .accepts(camera("'type':'simple','config':{'zoom':1}"))
            .accepts(camera("'type':'simple','config':{'horizontal':0,'pan':-2.5,'roll':0.0}"))
            .refuses(camera("'type':'simple'"), "camera_control.config", "missing")
            .refuses(camera("'type':'simple','config':{'x':1}"), "exactly one", "0 are not")
            .refuses(camera("'type':'simple','config':{'pan':0}"), "exactly one")
            .refuses(
                camera("'type':'simple','config':{'pan':1,'tilt':1}"), "exactly one", "2 are not"),
        Rule.of("a camera's axis is -10 to 10")
            .accepts(camera("'type':'simple','config':{'vertical':-10}"))
            .accepts(camera("'type':'simple','config':{'tilt':10}"))
            .refuses(
                camera("'type':'simple','config':{'vertical':-10.1}"),
                "camera_control.config.vertical value '-10.1'")
            .refuses(camera("'type':'simple','config':{'tilt':11}"), "camera_control.config.tilt")
            .refuses(camera("'type':'simple','config':{'zoom':'1'}"), "camera_control.config.zoom"),
        Rule.of("any other camera has no config")
            .accepts(camera("'type':'down_back','config':null"))
            .refuses(
                camera("'type':'down_back','config':{'zoom':1}"), "camera_control.config", "simple")
            .refuses(camera("'type':'forward_up','config':{'pan':1}"), "camera_control.config"),
        Rule.of("aspect_ratio is one of three")
            .accepts(some("'aspect_ratio':'1:1'"), some("'aspect_ratio':'16:9'"))
            .accepts(some("'aspect_ratio':'9:16'"))
            .refuses(some("'aspect_ratio':'4:3'"), "aspect_ratio value '4:3'", "16:9, 9:16, 1:1"),
        Rule.of("duration of V3 is 3 to 15, as a string or an int")
            .accepts(some("'duration':'3'"), some("'duration':'15'"), some("'duration':15"))
            .refuses(some("'duration':'2'"), "duration value '2'", "3 to 15")
            .refuses(some("'duration':'16'"), "duration value '16'")
            .refuses(some("'duration':16"), "duration value '16'")
            .refuses(some("'duration':5.0"), "duration")
            .refuses(some("'duration':'05'"), "duration")
            .refuses(some("'duration':'5s'"), "duration")
            .refuses(some("'duration':'x'"), "duration")
            .refuses(some("'duration':-5"), "duration"),
        Rule.of("duration of older versions is 5 or 10")
            .accepts(model("kling-v2-6", "'duration':'5'"), model("kling-v2-6", "'duration':10"))
            .refuses(model("kling-v2-6", "'duration':'6'"), "5, 10", "kling-v2-6")
            .refuses(model("kling-v1-6", "'duration':'15'"), "5, 10"),
        Rule.of("multi_shot needs V3")
            .accepts(model("kling-v2-6", "'multi_shot':false"))
            .refuses(
                model("kling-v2-6", "'multi_shot':true,'shot_type':'intelligence'"),
                "multi_shot value 'true'",
                "kling-v2-6"),
        Rule.of("watermark_info is an object, or by its documented type an array of them")
            .accepts(some("'watermark_info':{'enabled':true}"), some("'watermark_info':{}"))
            .accepts(some("'watermark_info':[{'enabled':false}]"))
            .refuses(some("'watermark_info':true"), "watermark_info", "object")
            .refuses(some("'watermark_info':{'enabled':'on'}"), "watermark_info.enabled"),
        Rule.of("callback_url is an http address, or empty for none")
            .accepts(some("'callback_url':''"), some("'callback_url':null"))
            .accepts(some("'callback_url':'https://example.com/cb?x=1'"))
            .accepts(some("'callback_url':'http://127.0.0.1:9/cb'"))
            .refuses(some("'callback_url':'example.com/cb'"), "callback_url")
            .refuses(some("'callback_url':'ftp://example.com/'"), "callback_url", "http")
            .refuses(some("'callback_url':'https://'"), "callback_url")
            .refuses(some("'callback_url':7"), "callback_url"),
        Rule.of("external_task_id is text of at most 255 characters, or empty for none")
            .accepts(some("'external_task_id':''"), some("'external_task_id':null"))
            .accepts(some("'external_task_id':'" + EMOJI.repeat(255) + "'"))
            .refuses(some("'external_task_id':'" + EMOJI.repeat(256) + "'"), "external_task_id")
            .refuses(some("'external_task_id':'a\\u0000'"), "external_task_id", "control")
            .refuses(some("'external_task_id':'a\\ud800'"), "external_task_id")
            .accepts(some("'external_task_id':'Batch'"), some("'external_task_id':'a/b'"))
            .refuses(some("'external_task_id':'batch'"), "external_task_id", "own paths")
            .refuses(some("'external_task_id':'counts'"), "external_task_id", "own paths")
            .refuses(some("'external_task_id':'.'"), "external_task_id", "own paths")
            .refuses(some("'external_task_id':'..'"), "external_task_id", "own paths")
            .refuses(some("'external_task_id':42"), "external_task_id value '42'"),
        Rule.of("model_name is text")
            .accepts(v3("'prompt':'a'"))
            .refuses("{'model_name':3,'prompt':'a'}", "model_name value '3'"));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void a_rule_accepts_up_to_its_boundary_and_refuses_beyond(Rule rule) {
    assertTrue(!rule.accepted.isEmpty() && !rule.refused.isEmpty() || rule.name.startsWith("what"));
    for (String accepted : rule.accepted) {
      assertDoesNotThrow(() -> check(accepted), () -> Excerpts.shorten(accepted, 300));
    }
    for (Refused refused : rule.refused) {
      ProblemException refusal =
          assertThrows(
              ProblemException.class,
              () -> check(refused.members),
              () -> Excerpts.shorten(refused.members, 300));
      assertEquals(ErrorCode.INVALID_REQUEST, refusal.code());
      for (String word : refused.words) {
        assertTrue(
            String.valueOf(refusal.getMessage()).contains(word),
            () -> refusal.getMessage() + " lacks " + word);
      }
    }
  }

  @Test
  void all_violations_come_in_one_message() {
    ProblemException refusal =
        assertThrows(
            ProblemException.class,
            () ->
                check(
                    v3(
                        "'duration':'16','mode':'standard','cfg_scale':2,'aspect_ratio':'4:3',"
                            + "'callback_url':'x'")));

    for (String field :
        List.of("prompt", "duration", "mode", "cfg_scale", "aspect_ratio", "callback_url")) {
      assertTrue(String.valueOf(refusal.getMessage()).contains(field), refusal.getMessage());
    }
  }

  @Test
  void a_message_shows_a_long_or_strange_value_shortened_and_on_one_line() {
    ProblemException refusal =
        assertThrows(
            ProblemException.class, () -> check(some("'mode':'a\\nb" + "x".repeat(5000) + "'")));

    assertTrue(String.valueOf(refusal.getMessage()).length() < 200, refusal.getMessage());
    assertTrue(String.valueOf(refusal.getMessage()).indexOf('\n') < 0, refusal.getMessage());
  }

  @Test
  void a_body_full_of_faults_gets_a_bounded_message() {
    String shots =
        IntStream.range(0, 6)
            .mapToObj(i -> "{'index':'x','prompt':7,'duration':0}")
            .collect(Collectors.joining(","));
    String voices = "'voice_list':[{},{}],'prompt':'" + "<<<voice_9>>>".repeat(150) + "'";

    ProblemException refusal =
        assertThrows(
            ProblemException.class,
            () -> check(v3("'multi_shot':true,'multi_prompt':[" + shots + "]," + voices)));
    ProblemException references = assertThrows(ProblemException.class, () -> check(v3(voices)));

    assertTrue(String.valueOf(refusal.getMessage()).length() < 8000, refusal.getMessage());
    assertTrue(String.valueOf(references.getMessage()).contains("more"), references.getMessage());
  }

  @Test
  void an_unknown_model_does_not_exist() {
    for (String name : List.of("kling-v3-0", "kling-v2-5", "kling-v1-5", "kling-v2-1", "sora")) {
      ProblemException refusal =
          assertThrows(
              ProblemException.class,
              () -> check("{'model_name':'" + name + "','prompt':'a'}"),
              name);
      assertEquals(ErrorCode.MODEL_UNKNOWN, refusal.code(), name);
      assertTrue(
          String.valueOf(refusal.getMessage()).contains("'" + name + "'"), refusal.getMessage());
      assertTrue(String.valueOf(refusal.getMessage()).contains("kling-v3"), refusal.getMessage());
    }
  }

  @Test
  void a_discontinued_model_is_refused_in_kling_s_words() {
    ModelMapping mapping = ModelMapping.of(Map.of(), Set.of("kling-v1"));

    ProblemException named =
        assertThrows(
            ProblemException.class,
            () ->
                RequestRules.check(
                    TEXT2VIDEO,
                    body("{'model_name':'kling-v1','prompt':'a'}"),
                    mapping,
                    Today.DAY));
    ProblemException unnamed =
        assertThrows(
            ProblemException.class,
            () -> RequestRules.check(TEXT2VIDEO, body("{'prompt':'a'}"), mapping, Today.DAY));

    assertEquals(ErrorCode.MODEL_DISCONTINUED, named.code());
    assertEquals(
        "The model 'kling-v1' has been discontinued and is no longer available.",
        named.getMessage());
    assertTrue(
        String.valueOf(unnamed.getMessage()).startsWith(named.getMessage()), unnamed.getMessage());
    assertTrue(String.valueOf(unnamed.getMessage()).contains("model_name"), unnamed.getMessage());
  }

  @Test
  void a_request_is_read_for_what_we_need_of_it() {
    Checked checked =
        check(
            some(
                "'external_task_id':'mine','callback_url':'https://example.com/cb','mode':'pro',"
                    + "'duration':'10'"));

    assertAll(
        () -> assertEquals("kling-v3", checked.model()),
        () -> assertEquals("kling-v3", checked.upstreamModel()),
        () -> assertEquals("mine", checked.externalTaskId()),
        () -> assertEquals("https://example.com/cb", checked.callbackUrl()),
        () -> assertEquals(Family.VIDEO, checked.family()),
        () -> assertEquals(1, checked.slots()),
        () -> assertEquals(List.of(), checked.warnings()));
  }

  @Test
  void empty_strings_count_as_absent() {
    Checked checked = check(some("'external_task_id':'','callback_url':''"));

    assertEquals(null, checked.externalTaskId());
    assertEquals(null, checked.callbackUrl());
  }

  @Test
  void the_old_alias_names_the_model_with_a_warning() {
    Checked checked = check("{'model':'kling-v2-6','prompt':'a'}");
    Checked both = check("{'model':'kling-v2-6','model_name':'kling-v3','prompt':'a'}");

    assertEquals("kling-v2-6", checked.model());
    assertTrue(checked.warnings().get(0).contains("alias"), checked.warnings().toString());
    assertEquals("kling-v3", both.model());
    assertEquals(List.of(), both.warnings());
  }

  @Test
  void what_has_no_documented_effect_is_taken_with_a_warning() {
    assertAll(
        () -> assertWarns("cfg_scale", some("'cfg_scale':0.5")),
        () -> assertWarns("camera_control", camera("'type':'down_back'")),
        () -> assertWarns("mode", model("kling-v2-master", "'mode':'pro'")),
        () -> assertWarns("voice_list", voices(1, "<<<voice_1>>>")),
        () -> assertWarns("no prompt refers", voices(1, "a")),
        () -> assertWarns("<<<element_1>>>", v3("'prompt':'<<<element_1>>>'")));
  }

  private static void assertWarns(String word, String body) {
    List<String> warnings = check(body).warnings();
    assertTrue(warnings.stream().anyMatch(w -> w.contains(word)), warnings.toString());
  }

  private static Checked check(String body) {
    return RequestRules.check(TEXT2VIDEO, body(body), ModelMapping.NONE, Today.DAY);
  }

  private static Body body(String json) {
    return Body.parse(json.replace('\'', '"'));
  }

  private static String v3(String members) {
    return "{'model_name':'kling-v3'," + members + "}";
  }

  private static String some(String members) {
    return v3("'prompt':'a'," + members);
  }

  private static String model(String name, String members) {
    return "{'model_name':'" + name + "','prompt':'a'," + members + "}";
  }

  private static String prompt(String text) {
    return "'prompt':'" + text + "'";
  }

  private static String camera(String members) {
    return some("'camera_control':{" + members + "}");
  }

  private static String voices(int count, String prompt) {
    String list =
        IntStream.range(0, count)
            .mapToObj(i -> "{'voice_id':'v" + i + "'}")
            .collect(Collectors.joining(","));
    return v3("'prompt':'" + prompt + "','sound':'on','voice_list':[" + list + "]");
  }

  private static String elements(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "{'element_id':" + i + "}")
        .collect(Collectors.joining(","));
  }

  private static String shots(String whole, String... seconds) {
    return shotsRaw(
        whole,
        IntStream.range(0, seconds.length)
            .mapToObj(i -> shot(String.valueOf(i + 1), "a", "'" + seconds[i] + "'"))
            .toArray(String[]::new));
  }

  private static String shotsRaw(String whole, String... shots) {
    return "'multi_shot':true,'shot_type':'customize','duration':'%s','multi_prompt':[%s]"
        .formatted(whole, String.join(",", shots));
  }

  private static String shot(String index, String prompt, String duration) {
    return "{'index':%s,'prompt':'%s','duration':%s}".formatted(index, prompt, duration);
  }
}
