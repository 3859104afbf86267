package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.json.Body;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of kinds, and the sibling paths' rules at their boundaries. */
class KindsTest {

  @Test
  void a_path_speaks_of_a_kind_or_of_one_of_its_tasks() {
    assertEquals("text2video|null", resolved("videos/text2video"));
    assertEquals("text2video|task_1", resolved("videos/text2video/task_1"));
    assertEquals("text2video|a/b", resolved("videos/text2video/a/b"));
    assertEquals("avatar/image2video|x", resolved("videos/avatar/image2video/x"));
    assertEquals("editing/expand|null", resolved("images/editing/expand"));
    assertEquals("text2video|null", resolved("videos/text2video/"));
    assertEquals(Optional.empty(), Catalog.current().resolve("videos/nonsense"));
    assertEquals(Optional.empty(), Catalog.current().resolve("videos"));
    assertEquals(Optional.empty(), Catalog.current().resolve(""));
  }

  @Test
  void what_a_model_narrows_is_told_in_the_order_of_names() {
    for (Kind kind : Catalog.current().kinds()) {
      for (Model model : kind.models()) {
        List<String> fields = List.copyOf(model.narrowed());
        assertEquals(fields.stream().sorted().toList(), fields, kind.name() + " " + model.name());
      }
    }
  }

  @Test
  void synchronous_paths_are_no_kinds() {
    assertTrue(Catalog.current().syncOfPath("audio/tts").isPresent());
    assertTrue(Catalog.current().ofPath("audio/tts").isEmpty());
    assertTrue(Catalog.current().syncOfPath("videos/text2video").isEmpty());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          videos/image2video | {'image':'https://a/b.png','model_name':'kling-v2-1'}
          videos/image2video | {'image_tail':'aGk=','model_name':'kling-v3','duration':'15'}
          videos/multi-image2video | {'image_list':[{'image':'aGk='}],'prompt':'a'}
          videos/omni-video | {'prompt':'a','aspect_ratio':'1:1'}
          videos/omni-video | {'prompt':'a','image_list':[{'image_url':'aGk=','type':'first_frame'}]}
          videos/omni-video | {'prompt':'a','video_list':[{'video_url':'https://a/b.mp4'}]}
          videos/motion-control | {'image_url':'aGk=','video_url':'https://a/b','character_orientation':'image','mode':'pro'}
          videos/video-extend | {'video_id':'1'}
          videos/lip-sync | {'input':{'video_id':'1'}}
          videos/advanced-lip-sync | {'session_id':'1','face_choose':[{'face_id':'0'}]}
          videos/effects | {'effect_scene':'hug_pro','input':{'images':['aGk=','aGk=']}}
          videos/avatar/image2video | {'image':'aGk=','audio_id':'1'}
          videos/multi-elements | {'session_id':'1','edit_mode':'swap','prompt':'a'}
          images/generations | {'prompt':'a','n':9,'model_name':'kling-v3'}
          images/omni-image | {'prompt':'a','result_type':'series','series_amount':'auto'}
          images/multi-image2image | {'subject_image_list':[{'subject_image':'aGk='}]}
          images/editing/expand | {'image':'aGk=','up_expansion_ratio':0,'down_expansion_ratio':0,'left_expansion_ratio':1,'right_expansion_ratio':1}
          images/kolors-virtual-try-on | {'human_image':'aGk=','cloth_image':'aGk='}
          audio/text-to-audio | {'prompt':'a','duration':3.0}
          audio/video-to-audio | {'video_id':'1'}
          general/custom-voices | {'voice_name':'a','voice_url':'https://a/b.mp3'}
          general/advanced-custom-elements | {'element_name':'a','reference_type':'image_refer','element_image_list':{'frontal_image':'aGk='}}
          general/ai-multi-shot | {'element_frontal_image':'aGk='}
          """)
  void a_sound_sibling_is_accepted(String path, String body) {
    assertDoesNotThrow(() -> check(path, body));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          videos/image2video | {'prompt':'a','model_name':'kling-v3'} | image can not be null
          videos/image2video | {'image':'data:image/png;base64,aGk=','model_name':'kling-v3'} | File is not in a valid base64 format
          videos/image2video | {'image':'aGk=','image_tail':'aGk=','static_mask':'aGk=','model_name':'kling-v3'} | exclude each other
          videos/multi-image2video | {'image_list':[],'prompt':'a'} | image_list
          videos/multi-image2video | {'image_list':[{'image':'a'},{'image':'a'},{'image':'a'},{'image':'a'},{'image':'a'}],'prompt':'a'} | 1 to 4
          videos/omni-video | {'prompt':'a'} | aspect_ratio
          videos/omni-video | {'prompt':'a','video_list':[{'video_url':'https://a/b','refer_type':'feature'}]} | aspect_ratio
          videos/motion-control | {'image_url':'aGk=','video_url':'https://a/b','character_orientation':'left','mode':'pro'} | character_orientation
          videos/motion-control | {'image_url':'aGk=','video_url':'https://a/b','character_orientation':'image'} | mode
          videos/video-extend | {} | video_id
          videos/lip-sync | {} | input
          videos/advanced-lip-sync | {'session_id':'1'} | face_choose
          videos/effects | {'effect_scene':'hug_pro','input':{'images':['aGk=']}} | input.images
          videos/effects | {'effect_scene':'hug_pro','input':{'x':1}} | input.image
          videos/avatar/image2video | {'image':'aGk='} | exactly one of audio_id, sound_file
          videos/avatar/image2video | {'image':'aGk=','audio_id':'1','sound_file':'aGk='} | exactly one of audio_id, sound_file
          videos/multi-elements | {'session_id':'1','edit_mode':'add','prompt':'a'} | edit_mode
          images/generations | {'prompt':'a','n':10} | n value '10'
          images/generations | {'prompt':'a','n':0} | n value '0'
          images/omni-image | {'prompt':'a','series_amount':10} | series_amount
          images/omni-image | {'prompt':'a','series_amount':1} | series_amount
          images/multi-image2image | {'subject_image_list':[1,2,3,4,5]} | 1 to 4
          images/editing/expand | {'image':'aGk=','up_expansion_ratio':2.1,'down_expansion_ratio':0,'left_expansion_ratio':1,'right_expansion_ratio':1} | up_expansion_ratio
          images/editing/expand | {'image':'aGk=','up_expansion_ratio':0.1,'down_expansion_ratio':0,'left_expansion_ratio':1,'right_expansion_ratio':1} | at most 3 times
          images/kolors-virtual-try-on | {'human_image':'aGk='} | cloth_image
          audio/text-to-audio | {'prompt':'a','duration':2.9} | duration value '2.9'
          audio/text-to-audio | {'prompt':'a','duration':10.1} | duration value '10.1'
          audio/video-to-audio | {'video_id':'1','video_url':'https://a/b'} | exactly one of video_id, video_url
          general/custom-voices | {'voice_name':'a'} | exactly one of voice_url, video_id
          general/ai-multi-shot | {} | element_frontal_image
          """)
  void an_unsound_sibling_is_refused(String path, String body, String word) {
    ProblemException refusal = assertThrows(ProblemException.class, () -> check(path, body));

    assertEquals(ErrorCode.INVALID_REQUEST, refusal.code());
    assertTrue(String.valueOf(refusal.getMessage()).contains(word), refusal.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          videos/text2video | {'prompt':'a','model_name':'kling-v3'} | 3
          videos/text2video | {'prompt':'a','model_name':'kling-v3','mode':'4k','duration':15} | 45
          videos/text2video | {'prompt':'a','model_name':'kling-v3','sound':'on','mode':'pro'} | 6
          videos/text2video | {'prompt':'a','model_name':'kling-v2-6','mode':'pro','sound':'on'} | 5
          videos/text2video | {'prompt':'<<<voice_1>>>','model_name':'kling-v2-6','mode':'pro','sound':'on','voice_list':[{'voice_id':'a'}]} | 6
          videos/text2video | {'prompt':'a','model_name':'kling-v2-6','mode':'pro','sound':'on','voice_list':[{'voice_id':'a'}]} | 5
          videos/text2video | {'prompt':'a','model_name':'kling-v2-5-turbo','duration':'10'} | 3
          videos/text2video | {'prompt':'a','model_name':'kling-v2-master'} | 10
          videos/omni-video | {'prompt':'a','aspect_ratio':'1:1','model_name':'kling-v3-omni','duration':'3','mode':'std'} | 1.8
          videos/omni-video | {'prompt':'a','video_list':[{'video_url':'https://a/b'}]} | 18
          videos/omni-video | {'prompt':'a','video_list':[{'video_url':'https://a/b','refer_type':'base'}],'duration':3} | 18
          videos/omni-video | {'prompt':'a','aspect_ratio':'1:1','video_list':[{'video_url':'https://a/b','refer_type':'feature'}]} | 6
          images/generations | {'prompt':'a','model_name':'kling-v3','n':2} | 16
          audio/text-to-audio | {'prompt':'a','duration':5} | 0.25
          general/custom-voices | {'voice_name':'a','video_id':'1'} | 0.05
          """)
  void units_follow_the_price_list(String path, String body, BigDecimal units) {
    assertEquals(units, check(path, body).units());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          videos/motion-control | {'image_url':'aGk=','video_url':'https://a/b','character_orientation':'video','mode':'std','model_name':'kling-v3'} | 27
          videos/motion-control | {'image_url':'aGk=','video_url':'https://a/b','character_orientation':'image','mode':'pro'} | 8
          videos/avatar/image2video | {'image':'aGk=','audio_id':'1'} | 120
          videos/avatar/image2video | {'image':'aGk=','audio_id':'1','mode':'pro'} | 240
          videos/lip-sync | {'input':{'video_id':'1'}} | 6
          videos/advanced-lip-sync | {'session_id':'1','face_choose':[{'face_id':'0'}]} | 6
          videos/video-extend | {'video_id':'1'} | 3.5
          videos/effects | {'effect_scene':'hug_pro','input':{'image':'aGk='}} | 15
          videos/effects | {'effect_scene':'hug_pro','input':{'image':'aGk=','duration':'10'}} | 30
          videos/effects | {'effect_scene':'hug_pro','duration':-100000,'input':{'image':'aGk='}} | 15
          videos/effects | {'effect_scene':'hug_pro','duration':'ages','input':{'image':'aGk='}} | 900
          videos/effects | {'effect_scene':'hug_pro','model_name':'invented','input':{'image':'aGk='}} | 15
          images/kolors-virtual-try-on | {'human_image':'aGk=','cloth_image':'aGk='} | 15
          videos/text2video | {'model_name':'kling-v3','prompt':'a','duration':'15','settings':{'duration':1}} | 9
          videos/text2video | {'model_name':'kling-v3','prompt':'a','input':{'duration':1}} | 3
          videos/motion-control | {'image_url':'aGk=','video_url':'https://a/b','character_orientation':'video','settings':{'character_orientation':'image'},'mode':'std','model_name':'kling-v3'} | 27
          images/generations | {'prompt':'a','model_name':'kling-v3','n':9,'result_type':'series','series_amount':1} | 72
          images/generations | {'prompt':'a'} | 8
          images/generations | {'prompt':'a','model_name':'kling-v1','n':9} | 72
          images/generations | {'prompt':'a','model_name':'kling-v2-1','n':2} | 8
          images/generations | {'prompt':'a','model_name':'kling-v2-1','image':'aGk='} | 8
          images/omni-image | {'prompt':'a','model_name':'kling-v3-omni','resolution':'4k'} | 16
          images/omni-image | {'prompt':'a','model_name':'kling-v3-omni','result_type':'series','series_amount':'auto'} | 72
          images/omni-image | {'prompt':'a','model_name':'kling-image-o1','n':3} | 24
          images/multi-image2image | {'subject_image_list':[{'subject_image':'aGk='}]} | 16
          general/ai-multi-shot | {'element_frontal_image':'aGk='} | 20
          general/advanced-custom-elements | {'element_name':'a','reference_type':'video_refer','element_video_list':[{'a':1}]} | 0
          audio/video-to-audio | {'video_id':'1'} | 0.25
          """)
  void every_request_counts_its_price_or_the_dearest_that_could_be_its(
      String path, String body, BigDecimal units) {
    assertEquals(units, check(path, body).units());
  }

  @Test
  void a_duration_that_no_row_of_ours_bounds_counts_as_it_is_ordered() {
    ModelMapping mapping = ModelMapping.of(Map.of("next", "kling-9"), Set.of());
    Kind kind = Catalog.current().ofName("text2video").orElseThrow();
    Body body = Body.parse("{\"prompt\":\"a\",\"model_name\":\"next\",\"duration\":\"9999\"}");

    // At the dearest price of the kind, 3 a second.
    assertEquals(
        new BigDecimal("29997"), RequestRules.check(kind, body, mapping, LocalDate.EPOCH).units());
    Kind effects = Catalog.current().ofName("effects").orElseThrow();
    assertEquals(
        new BigDecimal("29997"),
        Catalog.current()
            .units(
                effects,
                null,
                new Rule.RequestView(Body.parse("{\"duration\":2147483647}").root(), null)));
  }

  @Test
  void no_kind_is_without_a_price_of_its_family() {
    for (Kind kind : Catalog.current().kinds()) {
      BigDecimal units =
          Catalog.builtIn()
              .units(kind, "invented", new Rule.RequestView(Body.parse("{}").root(), null));
      assertTrue(
          units.signum() > 0 || kind.name().equals("advanced-custom-elements"),
          kind + " counts " + units);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "audio/tts, 0.05",
    "videos/identify-face, 0.05",
    "videos/image-recognize, 0.1",
    "videos/multi-elements/init-selection, 0.1",
    "general/custom-elements, 0",
  })
  void a_synchronous_call_counts_its_price_or_the_dearest_of_such_calls(
      String path, BigDecimal units) {
    assertEquals(units, Catalog.current().syncOfPath(path).orElseThrow().units());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          text-to-video | kling-3.0 | {'prompt':'a'} | 3
          text-to-video | kling-3.0 | {'prompt':'a','duration':1} | 3
          text-to-video | kling-3.0 | {'prompt':'a','settings':{'resolution':'4k','duration':15,'audio':'native'}} | 45
          text-to-video | kling-3.0-turbo | {'prompt':'a','settings':{'duration':3}} | 2.4
          text-to-video | kling-2.6 | {'prompt':'a','settings':{'resolution':'1080p','duration':10,'audio':'native'}} | 10
          image-to-video | kling-2.5-turbo | {'contents':[{'type':'prompt','text':'a'},{'type':'first_frame','url':'aGk='}]} | 1.5
          image-to-video | kling-2.6 | {'contents':[{'type':'prompt','text':'a'},{'type':'first_frame','url':'aGk='},{'type':'voice','text':'v'}]} | 6
          text-to-video | kling-2.6 | {'prompt':'a','settings':{'audio':'native'}} | 5
          omni-video | kling-o1 | {'contents':[{'type':'prompt','text':'a'},{'type':'base_video','url':'https://a/b'}]} | 13.5
          omni-video | kling-o1 | {'contents':[{'type':'prompt','text':'a'},{'type':'feature_video','url':'https://a/b'}]} | 4.5
          image-to-video | kling-4.0 | {'contents':[{'type':'prompt','text':'a'},{'type':'first_frame','url':'aGk='},{'type':'base_video','url':'https://a/b'}],'settings':{'resolution':'720p','duration':5}} | 13.44
          image-to-video | kling-4.0-flash | {'contents':[{'type':'prompt','text':'a'},{'type':'first_frame','url':'aGk='}],'settings':{'resolution':'720p','duration':5}} | 3.36
          """)
  void the_newer_generation_is_accepted_at_its_price(
      String path, String model, String body, BigDecimal units) {
    assertEquals(units, newer(path, model, body).units());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          text-to-video | kling-3.0 | {} | prompt
          text-to-video | kling-3.0 | {'prompt':'a','settings':{'duration':'5s'}} | settings.duration
          text-to-video | kling-3.0 | {'prompt':'a','settings':{'duration':2}} | 3 to 15
          text-to-video | kling-3.0 | {'prompt':'a','settings':{'audio':'on'}} | settings.audio
          text-to-video | kling-3.0-turbo | {'prompt':'a','settings':{'resolution':'4k'}} | settings.resolution
          text-to-video | kling-2.6 | {'prompt':'a','settings':{'duration':6}} | settings.duration
          text-to-video | kling-2.5-turbo | {'prompt':'a','settings':{'audio':'native'}} | settings.audio
          text-to-video | kling-3.0 | {'prompt':'a','options':{'callback_url':'x'}} | options.callback_url
          text-to-video | kling-v3 | {'prompt':'a'} | kling-v3
          image-to-video | kling-3.0 | {'contents':[{'type':'prompt','text':'a'}]} | first_frame
          image-to-video | kling-3.0 | {'contents':[{'type':'first_frame','url':'aGk='}]} | prompt
          """)
  void an_unsound_newer_body_is_refused(String path, String model, String body, String word) {
    ProblemException refusal = assertThrows(ProblemException.class, () -> newer(path, model, body));

    assertTrue(String.valueOf(refusal.getMessage()).contains(word), refusal.getMessage());
  }

  @Test
  void a_newer_prompt_may_have_3072_code_points() {
    assertDoesNotThrow(
        () -> newer("text-to-video", "kling-3.0", "{'prompt':'" + "🎬".repeat(3072) + "'}"));
    assertThrows(
        ProblemException.class,
        () -> newer("text-to-video", "kling-3.0", "{'prompt':'" + "🎬".repeat(3073) + "'}"));
  }

  @Test
  void a_newer_body_keeps_our_ids_in_its_options() {
    Kind kind = Catalog.current().ofPath("text-to-video").orElseThrow();
    Body body =
        Body.parse("{\"prompt\":\"a\",\"options\":{\"external_task_id\":\"mine\",\"x\":1.0}}");

    assertEquals(
        "mine",
        RequestRules.check(kind, "kling-3.0", body, ModelMapping.NONE, Today.DAY).externalTaskId());
    assertEquals(
        "{\"prompt\":\"a\",\"options\":{\"external_task_id\":\"task_1\",\"x\":1.0,"
            + "\"callback_url\":\"https://me\"}}",
        UpstreamBody.of(kind, body, "kling-3.0", "task_1", "https://me"));
    assertEquals(
        "{\"options\":{\"external_task_id\":\"task_1\",\"callback_url\":\"https://me\"}}",
        UpstreamBody.of(kind, Body.parse("{}"), "kling-3.0", "task_1", "https://me"));
  }

  @Test
  void each_generation_has_its_own_paths_at_kling() {
    Kind legacy = Catalog.current().ofName("avatar/image2video").orElseThrow();
    Kind newer = Catalog.current().ofName("text-to-video").orElseThrow();

    assertEquals("/v1/videos/avatar/image2video", legacy.createPath(null));
    assertEquals("/v1/videos/avatar/image2video/1", legacy.queryPath("1"));
    assertEquals("/v1/videos/avatar/image2video/a%2Fb%20c", legacy.queryByOwnIdPath("a/b c"));
    assertEquals("/text-to-video/kling-3.0", newer.createPath("kling-3.0"));
    assertEquals("/tasks?task_ids=1", newer.queryPath("1"));
    assertEquals("/tasks?external_task_ids=a%26b", newer.queryByOwnIdPath("a&b"));
  }

  @ParameterizedTest
  @MethodSource("examples")
  void an_example_is_accepted_without_a_warning(Example example) {
    Checked checked =
        RequestRules.check(
            example.kind(),
            example.pathModel(),
            Body.parse(example.body()),
            ModelMapping.NONE,
            Today.DAY);

    assertEquals(List.of(), checked.warnings());
  }

  static List<Example> examples() {
    return Example.all();
  }

  @Test
  void every_kind_has_an_example() {
    // But for those that Kling has switched off.
    assertEquals(
        Catalog.builtIn().kinds().stream()
            .filter(kind -> !kind.name().equals("multi-image2video"))
            .toList(),
        Example.all().stream().map(Example::kind).distinct().toList());
  }

  @Test
  void the_catalogue_says_what_each_model_takes() {
    ModelMapping mapping = ModelMapping.of(Map.of("best", "kling-v3"), Set.of("kling-v1"));
    List<CatalogDocs.Listed> models = CatalogDocs.models(Catalog.current(), mapping, Today.DAY);

    CatalogDocs.Listed best = models.get(0);
    assertEquals("best", best.name());
    assertTrue(best.accepts().get(0).fields().get("duration").toString().contains("15"));
    CatalogDocs.Listed older =
        models.stream().filter(m -> m.name().equals("kling-v2-6")).findAny().orElseThrow();
    assertFalse(older.accepts().get(0).fields().get("duration").toString().contains("15"));
    assertTrue(
        models.stream()
            .filter(m -> m.name().equals("kling-v1"))
            .allMatch(CatalogDocs.Listed::discontinued));
  }

  @Test
  void a_picture_task_takes_a_slot_for_each_picture() {
    assertEquals(1, check("images/generations", "{'prompt':'a'}").slots());
    assertEquals(9, check("images/generations", "{'prompt':'a','n':9}").slots());
    assertEquals(
        4,
        check("images/omni-image", "{'prompt':'a','result_type':'series','series_amount':4}")
            .slots());
    assertEquals(
        9,
        check("images/omni-image", "{'prompt':'a','result_type':'series','series_amount':'auto'}")
            .slots());
    assertEquals(1, check("videos/image2video", "{'image':'aGk=','n':9}").slots());
  }

  private static Checked check(String path, String body) {
    return RequestRules.check(
        Catalog.current().ofPath(path).orElseThrow(),
        Body.parse(body.replace('\'', '"')),
        ModelMapping.NONE,
        Today.DAY);
  }

  private static Checked newer(String path, String model, String body) {
    return RequestRules.check(
        Catalog.current().ofPath(path).orElseThrow(),
        model,
        Body.parse(body.replace('\'', '"')),
        ModelMapping.NONE,
        Today.DAY);
  }

  private static String resolved(String path) {
    Catalog.Addressed addressed = Catalog.current().resolve(path).orElseThrow();
    return addressed.kind().name() + "|" + addressed.id();
  }
}
