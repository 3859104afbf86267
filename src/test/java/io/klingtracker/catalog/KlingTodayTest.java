package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.TextNode;
import io.klingtracker.json.Body;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What is known of Kling in the autumn of 2026, row by row: to be read beside the notes on which
 * the catalogue is built. Each row has what is accepted and what is refused.
 */
class KlingTodayTest {

  private static final LocalDate DAY = LocalDate.of(2026, 11, 30);

  private static final String PROMPT = "{'type':'prompt','text':'a'}";
  private static final String FIRST = "{'type':'first_frame','url':'aGk='}";
  private static final String LAST = "{'type':'last_frame','url':'aGk='}";
  private static final String MIDDLE = "{'type':'middle_frame','url':'aGk='}";
  private static final String FEATURE = "{'type':'feature_video','url':'https://a/b.mp4'}";
  private static final String BASE = "{'type':'base_video','url':'https://a/b.mp4'}";
  private static final String REFER = "{'type':'refer_image','url':'aGk='}";

  /** Short words for long bodies: {@code P F L M V B R} stand for parts of contents. */
  private static final Map<String, String> PARTS =
      Map.of(
          "P",
          PROMPT,
          "F",
          FIRST,
          "L",
          LAST,
          "M",
          MIDDLE,
          "V",
          FEATURE,
          "B",
          BASE,
          "R",
          REFER,
          "E",
          "{'type':'element','element_id':'1'}",
          "W",
          "{'type':'voice','voice_id':'1'}");

  private static final String HD = "'settings':{'resolution':'720p','duration':5}";

  /** The routes of the newer generation: 13.1 and 13.2. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          # omni: what contents may hold
          omni-video/kling-3.0-omni | {[P R R E W]} | {[P {'type':'picture','url':'aGk='}]} | contents[1].type value 'picture'
          omni-video/kling-3.0-omni | {[P F L]} | {[P F F]} | at most 1 of type first_frame
          omni-video/kling-3.0-omni | {[P {'type':'image','url':'aGk='} {'type':'video','url':'https://a/b'}]} | {[P {'type':'image'}]} | contents[1].url value is missing
          omni-video/kling-o1       | {[P V]} | {[V]} | contents value is missing: at least 1 of type prompt is required, there are 0
          # omni: the legacy name is taken as well
          omni-video/kling-v3-omni  | {[P]} | {} | contents
          # omni: settings.audio native, original, off
          omni-video/kling-3.0-omni | {[P],'settings':{'audio':'original'}} | {[P],'settings':{'audio':'on'}} | settings.audio value 'on'
          # a feature_video: multi_shot only with shot_type intelligence, audio only off
          omni-video/kling-3.0-omni | {[P V],'settings':{'multi_shot':true,'shot_type':'intelligence'}} | {[P V],'settings':{'multi_shot':true,'shot_type':'customize'}} | needs settings.shot_type intelligence
          omni-video/kling-3.0-omni | {[P V],'settings':{'audio':'off'}} | {[P V],'settings':{'audio':'native'}} | must be off with a feature_video
          # a base_video: no frames, no multi_shot, audio not native
          omni-video/kling-3.0-omni | {[P B],'settings':{'audio':'original'}} | {[P B],'settings':{'audio':'native'}} | must be original or off with a base_video
          omni-video/kling-3.0-omni | {[P B]} | {[P B F]} | must hold no frames with a base_video
          omni-video/kling-3.0-omni | {[P B],'settings':{'multi_shot':false}} | {[P B],'settings':{'multi_shot':true}} | must be false with a base_video
          # 4k also with video; not of O1
          omni-video/kling-3.0-omni | {[P V],'settings':{'resolution':'4k'}} | {[P V],'settings':{'resolution':'8k'}} | settings.resolution
          omni-video/kling-o1       | {[P V],'settings':{'resolution':'1080p'}} | {[P V],'settings':{'resolution':'4k'}} | settings.resolution
          # motion control: character_orientation is required
          motion-control/kling-3.0  | {'settings':{'character_orientation':'image'}} | {'settings':{'resolution':'720p'}} | settings.character_orientation value is missing
          motion-control/kling-2.6  | {'settings':{'character_orientation':'video'}} | {} | settings value is missing
          # 4.0: duration and resolution are required, 3 to 30 s, flash 3 to 20 s at 720p
          text-to-video/kling-4.0       | {'prompt':'a','settings':{'resolution':'1080p','duration':30}} | {'prompt':'a','settings':{'resolution':'1080p','duration':31}} | 3 to 30
          text-to-video/kling-4.0       | {'prompt':'a','settings':{'resolution':'1080p','duration':'3'}} | {'prompt':'a','settings':{'resolution':'1080p'}} | settings.duration value is missing
          text-to-video/kling-4.0       | {'prompt':'a',HD} | {'prompt':'a','settings':{'duration':5}} | settings.resolution value is missing
          text-to-video/kling-4.0       | {'prompt':'a',HD} | {'prompt':'a'} | settings value is missing
          text-to-video/kling-4.0       | {'prompt':'a',HD} | {'prompt':'a','settings':{'resolution':'4k','duration':5}} | settings.resolution value '4k'
          text-to-video/kling-4.0-flash | {'prompt':'a','settings':{'resolution':'720p','duration':20}} | {'prompt':'a','settings':{'resolution':'720p','duration':21}} | 3 to 20
          text-to-video/kling-4.0-flash | {'prompt':'a',HD} | {'prompt':'a','settings':{'resolution':'1080p','duration':5}} | settings.resolution value '1080p'
          # 4.0: six ratios
          text-to-video/kling-4.0 | {'prompt':'a','settings':{'resolution':'720p','duration':5,'aspect_ratio':'21:9'}} | {'prompt':'a','settings':{'resolution':'720p','duration':5,'aspect_ratio':'2:1'}} | settings.aspect_ratio
          text-to-video/kling-3.0 | {'prompt':'a','settings':{'aspect_ratio':'1:1'}} | {'prompt':'a','settings':{'aspect_ratio':'21:9'}} | settings.aspect_ratio
          # 4.0: middle frames, up to 8; the first one optional; ten in all
          image-to-video/kling-4.0 | {[P M M M M M M M M],HD} | {[P M M M M M M M M M],HD} | at most 8 of type middle_frame
          image-to-video/kling-4.0 | {[P M],HD} | {[P],HD} | 1 to 10 of type first_frame or middle_frame or last_frame
          image-to-video/kling-4.0 | {[P F M M M M M M M M L],HD} | {[P F F],HD} | at most 1 of type first_frame
          # 4.0 omni: 3 voices, 7 elements, 10 pictures, 5 videos of which 1 base, 15 inputs
          omni-video/kling-4.0 | {[P W W W],HD} | {[P W W W W],HD} | at most 3 of type voice
          omni-video/kling-4.0 | {[P E E E E E E E],HD} | {[P E E E E E E E E],HD} | at most 7 of type element
          omni-video/kling-4.0 | {[P R R R R R R R R R R],HD} | {[P R R R R R R R R R R R],HD} | at most 10 of type refer_image
          omni-video/kling-4.0 | {[P V V V V B],HD} | {[P V V V V V V],HD} | at most 5 of type feature_video or base_video
          omni-video/kling-4.0 | {[P B],HD} | {[P B B],HD} | at most 1 of type base_video
          omni-video/kling-4.0 | {[P R R R R R R R R R R E E E E E],HD} | {[P R R R R R R R R R R E E E E E E],HD} | 1 to 16 in all
          # the duration is a number or numeric text; 480p is listed and refused when it renders
          text-to-video/kling-3.0 | {'prompt':'a','settings':{'duration':'7'}} | {'prompt':'a','settings':{'duration':'seven'}} | settings.duration
          text-to-video/kling-3.0 | {'prompt':'a','settings':{'resolution':'720p'}} | {'prompt':'a','settings':{'resolution':'480p'}} | settings.resolution value '480p'
          # unknown fields are taken and ignored
          text-to-video/kling-3.0 | {'prompt':'a','callback_url':'https://a/b','anything':1} | {'prompt':'a','options':{'callback_url':'nowhere'}} | options.callback_url
          # 4.0-flash: the same modes
          image-to-video/kling-4.0-flash | {[P M],HD} | {[P F F],HD} | at most 1 of type first_frame
          omni-video/kling-4.0-flash | {[P V],HD} | {[P V],'settings':{'resolution':'1080p','duration':5}} | settings.resolution value '1080p'
          # 4.0: original on edits
          omni-video/kling-4.0 | {[P B],'settings':{'resolution':'720p','duration':5,'audio':'original'}} | {[P B],'settings':{'resolution':'720p','duration':5,'audio':'loud'}} | settings.audio value 'loud'
          # image-to-video of before: a first frame
          image-to-video/kling-3.0 | {[P F]} | {[P L]} | first_frame
          """)
  void the_newer_generation_s_routes(String path, String accepted, String refused, String words) {
    assertDoesNotThrow(() -> check(path, accepted));
    assertRefused(ErrorCode.INVALID_REQUEST, words, () -> check(path, refused));
  }

  @ParameterizedTest
  @CsvSource({
    "text-to-video/kling-3.0, 3072",
    "text-to-video/kling-3.0-turbo, 3072",
    "text-to-video/kling-2.6, 2500",
    "text-to-video/kling-2.5-turbo, 2500",
    "text-to-video/kling-4.0, 26000",
    "image-to-video/kling-3.0, 3072",
    "image-to-video/kling-3.0-turbo, 2500",
    "image-to-video/kling-2.6, 2500",
    "image-to-video/kling-4.0-flash, 26000",
    "omni-video/kling-3.0-omni, 3072",
    "omni-video/kling-o1, 2500",
    "motion-control/kling-3.0, 2500",
    "motion-control/kling-2.6, 2500",
  })
  void a_prompt_may_be_so_long(String path, int characters) {
    assertDoesNotThrow(() -> check(path, withPrompt(path, characters)));
    assertRefused(
        ErrorCode.INVALID_REQUEST,
        "must be text of at most " + characters + " characters, has " + (characters + 1),
        () -> check(path, withPrompt(path, characters + 1)));
  }

  /** A picture in base64, or what sound it speaks with; a URL's is Kling's to look at: 13.1. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          videos/image2video        | {'model_name':'kling-v3','image':'BYTES'}             | 10
          videos/image2video        | {'model_name':'kling-v3','image_tail':'BYTES'}        | 10
          videos/avatar/image2video | {'image':'aGk=','sound_file':'BYTES'}                 | 5
          """)
  void what_is_sent_in_base64_may_be_so_large(String path, String body, int megabytes) {
    assertDoesNotThrow(() -> check(path, body.replace("BYTES", base64(megabytes << 20))));
    assertRefused(
        ErrorCode.INVALID_REQUEST,
        "of at most " + megabytes + " MB; give a larger one by URL",
        () -> check(path, body.replace("BYTES", base64((megabytes << 20) + 3))));
    assertDoesNotThrow(() -> check(path, body.replace("BYTES", "https://a/b")));
  }

  @Test
  void the_newer_image_to_video_takes_pictures_of_fifty_megabytes() {
    String path = "image-to-video/kling-3.0";
    String frame = "{'contents':[" + PROMPT + ",{'type':'first_frame','url':'%s'}]}";
    assertDoesNotThrow(() -> check(path, frame.formatted(base64(11 << 20))));
    assertDoesNotThrow(() -> check(path, frame.formatted("https://a/b.png")));

    FieldType.Media picture = new FieldType.Media(50);
    Model model = Catalog.builtIn().ofPath("image-to-video").orElseThrow().row("kling-3.0");
    FieldType contents =
        model.fields().stream()
            .filter(field -> field.name().equals("contents"))
            .findAny()
            .orElseThrow()
            .type();
    assertTrue(contents.toString().contains(picture.toString()), contents.toString());
    Findings findings = new Findings(DAY);
    picture.check("url", TextNode.valueOf(base64(50 << 20)), findings);
    assertTrue(findings.none());
    picture.check("url", TextNode.valueOf(base64((50 << 20) + 3)), findings);
    assertTrue(findings.message().contains("of at most 50 MB; give a larger one by URL"));
  }

  @Test
  void the_newer_generation_takes_api_keys_alone_and_collides_with_no_older_kind() {
    for (Kind kind : Catalog.builtIn().kinds()) {
      boolean newer = kind.dialect() == Kind.Dialect.NEWER;
      assertEquals(newer, kind.row(null).takes().apiKeyOnly(), kind.name());
      kind.models().forEach(model -> assertEquals(newer, model.takes().apiKeyOnly(), model.name()));
    }
    for (String word : List.of("omni-video", "motion-control")) {
      assertEquals("/v1/videos/" + word, kind(word).createPath("kling-v3"));
      assertEquals("/" + word + "/kling-3.0", kind("newer/" + word).createPath("kling-3.0"));
    }
  }

  /** What a reseller says of 4.0 is a switch: nothing is sent that Kling does not take. */
  @Test
  void a_model_may_take_neither_callback_url_nor_external_task_id() {
    Body body = body("{'prompt':'a'," + HD + "}");
    Kind kind = kind("text-to-video");
    String sent = UpstreamBody.of(kind, body, "kling-4.0", "id-1", "https://a/b");
    assertTrue(sent.contains("https://a/b") && !sent.contains("id-1"), sent);

    sent = sentWith("{callback_url: false, external_task_id: true}", body);
    assertTrue(sent.contains("id-1") && !sent.contains("https://a/b"), sent);
    sent = sentWith("{callback_url: true, external_task_id: true}", body);
    assertTrue(sent.contains("id-1") && sent.contains("https://a/b"), sent);
    sent = sentWith("{callback_url: false, external_task_id: false}", body);
    assertFalse(sent.contains("id-1") || sent.contains("https://a/b"), sent);
  }

  private static String sentWith(String takes, Body body) {
    Catalog catalog = CatalogOver.read("models: {kling-4.0: {takes: %s}}".formatted(takes));
    return UpstreamBody.of(
        catalog.ofName("text-to-video").orElseThrow(), body, "kling-4.0", "id-1", "https://a/b");
  }

  /** Paths that are passed on, with what they count: 13.4 and 13.5. */
  @ParameterizedTest
  @CsvSource({
    "audio/tts, MAKES, 0.05",
    "videos/identify-face, MAKES, 0.05",
    "videos/image-recognize, MAKES, 0.1",
    "general/presets-voices, LISTS_PRESETS, 0",
    "general/advanced-presets-elements, LISTS_PRESETS, 0",
    "general/delete-voices, DELETES, 0",
    "general/delete-advanced-elements, DELETES, 0",
    "general/delete-elements, DELETES, 0",
  })
  void what_is_passed_on(String path, SyncPath.Use use, BigDecimal units) {
    SyncPath known = Catalog.builtIn().syncOfPath(path).orElseThrow();
    assertEquals(use, known.use());
    assertEquals(units, known.units());
    assertEquals(use == SyncPath.Use.LISTS_PRESETS, known.isRead());
    assertTrue(Catalog.builtIn().syncOfPath(path + "s").isEmpty());
    assertTrue(Catalog.builtIn().ofPath(path).isEmpty());
  }

  /** Switched off: 13.3, and by its own words multi-image2video, 13.6. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          videos/text2video        | kling-v1          | {'prompt':'a'}
          videos/image2video       | kling-v1          | {'image':'aGk='}
          videos/image2video       | kling-v1-5        | {'image':'aGk='}
          videos/text2video        | kling-v1-6        | {'prompt':'a'}
          videos/text2video        | kling-v2-master   | {'prompt':'a'}
          videos/image2video       | kling-v2-1        | {'image':'aGk='}
          videos/text2video        | kling-v2-1-master | {'prompt':'a'}
          videos/multi-image2video | kling-v1-6        | {'image_list':[{'image':'aGk='}],'prompt':'a'}
          images/generations       | kling-v1          | {'prompt':'a'}
          images/generations       | kling-v1-5        | {'prompt':'a'}
          images/generations       | kling-v2          | {'prompt':'a'}
          images/generations       | kling-v2-new      | {'prompt':'a'}
          """)
  void a_model_that_is_switched_off_is_refused_from_its_day_on(
      String path, String model, String body) {
    Body named = body(body.replaceFirst("\\{", "{'model_name':'" + model + "',"));
    Kind kind = Catalog.builtIn().ofPath(path).orElseThrow();
    LocalDate off = LocalDate.of(2026, 9, 15);

    assertEquals(
        model, RequestRules.check(kind, named, ModelMapping.NONE, off.minusDays(1)).model());
    for (LocalDate day : List.of(off, DAY)) {
      assertRefused(
          ErrorCode.MODEL_DISCONTINUED,
          "The model '" + model + "' has been discontinued and is no longer available.",
          () -> RequestRules.check(kind, named, ModelMapping.NONE, day));
    }
  }

  @Test
  void what_was_not_switched_off_is_taken() {
    for (String model : List.of("kling-v2-5-turbo", "kling-v2-6", "kling-v3")) {
      assertEquals(model, check("videos/text2video", named(model, "'prompt':'a'")).upstreamModel());
    }
    // Try-on 3.0 takes the older names, and pictures of 2.1 stay.
    assertDoesNotThrow(
        () ->
            check(
                "images/kolors-virtual-try-on",
                named("kolors-virtual-try-on-v1", "'human_image':'aGk=','cloth_image':'aGk='")));
    assertDoesNotThrow(() -> check("images/generations", named("kling-v2-1", "'prompt':'a'")));
  }

  @Test
  void a_default_that_is_switched_off_is_refused_with_what_is_left() {
    assertRefused(
        ErrorCode.MODEL_DISCONTINUED,
        "It is the default of videos/text2video; name a model_name of kling-v2-5-turbo, kling-v2-6,"
            + " kling-v3.",
        () -> check("videos/text2video", "{'prompt':'a'}"));
    assertRefused(
        ErrorCode.MODEL_DISCONTINUED,
        "Kling has no other there.",
        () -> check("videos/multi-image2video", "{'image_list':[{'image':'aGk='}],'prompt':'a'}"));
  }

  @ParameterizedTest
  @CsvSource({"hug", "kiss", "fight", "thumbs_up", "tiger_hug", "pet_lion", "3d_cartoon_1"})
  void an_effect_that_is_switched_off_is_refused(String scene) {
    assertDoesNotThrow(() -> check("videos/effects", effect("hug_pro")));
    assertRefused(
        ErrorCode.INVALID_REQUEST,
        "effect_scene value '" + scene + "' is invalid: Kling has switched it off on 2026-01-30",
        () -> check("videos/effects", effect(scene)));
  }

  /** Other differences: 13.4 and what was seen by several, 13.6. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          # shots with a first frame since 2026-05-07, of V3
          videos/image2video | {'model_name':'kling-v3','image':'aGk=','multi_shot':true,'shot_type':'intelligence','prompt':'a'} | {'model_name':'kling-v2-6','image':'aGk=','multi_shot':true} | multi_shot value 'true'
          videos/omni-video  | {'model_name':'kling-v3-omni','image_list':[{'image_url':'aGk=','type':'first_frame'}],'multi_shot':true,'shot_type':'intelligence','prompt':'a'} | {'model_name':'kling-video-o1','image_list':[{'image_url':'aGk=','type':'first_frame'}],'multi_shot':true,'prompt':'a'} | multi_shot value 'true'
          # elements: a name of 20 characters, a description of 100, a reference and what it refers to
          general/advanced-custom-elements | {'element_name':'aaaaaaaaaaaaaaaaaaaa','reference_type':'image_refer','element_image_list':{'frontal_image':'aGk='}} | {'element_name':'aaaaaaaaaaaaaaaaaaaaa','reference_type':'image_refer','element_image_list':{'frontal_image':'aGk='}} | at most 20
          general/advanced-custom-elements | {'element_name':'a','element_description':'DESCRIBED','reference_type':'image_refer','element_image_list':{'frontal_image':'aGk='}} | {'element_name':'a','element_description':'DESCRIBEDd','reference_type':'image_refer','element_image_list':{'frontal_image':'aGk='}} | at most 100
          general/advanced-custom-elements | {'element_name':'a','reference_type':'video_refer','element_video_list':[{'video_url':'https://a/b'}]} | {'element_name':'a','reference_type':'video_refer','element_image_list':{'frontal_image':'aGk='}} | element_video_list value is missing
          general/advanced-custom-elements | {'element_name':'a','reference_type':'image_refer','element_image_list':{'frontal_image':'aGk=','refer_images':[{}]}} | {'element_name':'a','reference_type':'image_refer','element_image_list':{'refer_images':[1]}} | element_image_list.frontal_image
          general/advanced-custom-elements | {'element_name':'a','reference_type':'image_refer','element_image_list':{'frontal_image':'aGk='},'element_voice_id':'1','tag_list':[1]} | {'element_name':'a','element_frontal_image':'aGk='} | reference_type value is missing
          # image_tail of v2-5-turbo and v2-6 in mode pro only
          videos/image2video | {'model_name':'kling-v2-6','image':'aGk=','image_tail':'aGk=','mode':'pro'} | {'model_name':'kling-v2-6','image':'aGk=','image_tail':'aGk=','mode':'std'} | image_tail value 'aGk=' is invalid: needs mode pro
          videos/image2video | {'model_name':'kling-v2-5-turbo','image':'aGk=','image_tail':'aGk=','mode':'pro','duration':10} | {'model_name':'kling-v2-5-turbo','image':'aGk=','image_tail':'aGk=','duration':10} | needs mode pro, mode is std
          videos/image2video | {'model_name':'kling-v3','image':'aGk=','image_tail':'aGk='} | {'model_name':'kling-v3'} | image can not be null
          videos/image2video | {'model_name':'kling-v3','image':'aGk=','image_tail':'aGk=','multi_shot':true,'shot_type':'intelligence','prompt':'a'} | {'model_name':'kling-v2-5-turbo','image':'aGk=','multi_shot':true} | multi_shot value 'true'
          # an effect has no duration; two persons are two pictures
          videos/effects | {'effect_scene':'hug_pro','input':{'images':['aGk=','aGk=']}} | {'effect_scene':'hug_pro','input':{'images':['aGk=']}} | input.images
          # forms that send every field
          videos/text2video | {'model_name':'kling-v3','prompt':'a','multi_shot':false,'shot_type':'','multi_prompt':[]} | {'model_name':'kling-v3','prompt':'a','multi_shot':true,'shot_type':'','multi_prompt':[]} | shot_type value is missing
          videos/image2video | {'model_name':'kling-v3','image':'aGk=','image_tail':'','static_mask':'','mode':'','camera_control':{},'multi_prompt':[],'shot_type':'','duration':5} | {'model_name':'kling-v3','image':'','image_tail':''} | image can not be null
          """)
  void what_else_is_new(String path, String accepted, String refused, String words) {
    assertDoesNotThrow(() -> check(path, accepted));
    assertRefused(ErrorCode.INVALID_REQUEST, words, () -> check(path, refused));
  }

  @Test
  void what_is_taken_without_effect_is_a_warning() {
    assertWarns(
        "settings.duration",
        check(
            "motion-control/kling-3.0",
            "{'settings':{'character_orientation':'image','duration':5}}"));
    assertWarns(
        "settings.audio",
        check("text-to-video/kling-3.0-turbo", "{'prompt':'a','settings':{'audio':'off'}}"));
    assertWarns(
        "settings.audio",
        check(
            "text-to-video/kling-4.0",
            "{'prompt':'a','settings':{'resolution':'720p','duration':5,'audio':'off'}}"));
  }

  /** Prices: 13.2 and 13.5. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          image-to-video/kling-2.6  | {[P F W]} | 6
          motion-control/kling-3.0  | {'settings':{'character_orientation':'video'}} | 27
          motion-control/kling-3.0  | {'settings':{'character_orientation':'video','resolution':'1080p'}} | 36
          motion-control/kling-2.6  | {'settings':{'character_orientation':'video'}} | 15
          motion-control/kling-2.6  | {'settings':{'character_orientation':'image','resolution':'1080p'}} | 8
          videos/motion-control     | {'model_name':'kling-v3','image_url':'aGk=','video_url':'https://a/b','character_orientation':'video','mode':'pro'} | 36
          videos/avatar/image2video | {'image':'aGk=','audio_id':'1'} | 120
          videos/avatar/image2video | {'image':'aGk=','audio_id':'1','mode':'pro'} | 240
          videos/advanced-lip-sync  | {'session_id':'1','face_choose':[{'face_id':'0'}]} | 6
          images/omni-image         | {'prompt':'a','model_name':'kling-v3-omni'} | 8
          images/omni-image         | {'prompt':'a','model_name':'kling-v3-omni','resolution':'4k'} | 16
          images/omni-image         | {'prompt':'a','model_name':'kling-image-o1'} | 8
          images/generations        | {'prompt':'a','model_name':'kling-v2-1'} | 4
          images/generations        | {'prompt':'a','model_name':'kling-v2-1','image':'aGk='} | 8
          images/multi-image2image  | {'subject_image_list':[{'subject_image':'aGk='}]} | 16
          images/editing/expand     | {'image':'aGk=','up_expansion_ratio':0,'down_expansion_ratio':0,'left_expansion_ratio':1,'right_expansion_ratio':1} | 8
          general/ai-multi-shot     | {'element_frontal_image':'aGk='} | 20
          # 720p omni: 3 s are 1.8 units, 5 s are 3
          omni-video/kling-3.0-omni | {[P],'settings':{'duration':3}} | 1.8
          omni-video/kling-3.0-omni | {[P],'settings':{'duration':5}} | 3
          omni-video/kling-3.0-omni | {[P],'settings':{'audio':'native','resolution':'1080p'}} | 5
          omni-video/kling-3.0-omni | {[P V]} | 4.5
          omni-video/kling-3.0-omni | {[P V],'settings':{'resolution':'4k'}} | 15
          omni-video/kling-o1       | {[P B],'settings':{'resolution':'1080p'}} | 18
          omni-video/kling-o1       | {[P]} | 3
          # 4.0: 1.12 and 1.68 a second, flash 0.672; with a video put in 0.672 and 1.008 for each second in and out, twice the output at least
          text-to-video/kling-4.0       | {'prompt':'a',HD} | 5.6
          text-to-video/kling-4.0       | {'prompt':'a','settings':{'resolution':'1080p','duration':10}} | 16.8
          text-to-video/kling-4.0-flash | {'prompt':'a',HD} | 3.36
          omni-video/kling-4.0          | {[P V],HD} | 13.44
          omni-video/kling-4.0          | {[P V],'settings':{'resolution':'1080p','duration':30}} | 60.48
          """)
  void what_it_costs(String path, String body, BigDecimal units) {
    assertEquals(units, check(path, body).units());
  }

  @Test
  void every_kind_and_every_model_that_is_left_has_a_price_of_its_own() {
    Catalog catalog = Catalog.builtIn();
    for (Kind kind : catalog.kinds()) {
      List<Model> left = kind.models().stream().filter(m -> !m.isRetired(DAY)).toList();
      for (Model model : left) {
        assertTrue(catalog.hasPrice(kind, model.name()), kind + " " + model.name());
      }
      assertTrue(
          !left.isEmpty() || catalog.hasPrice(kind, null) || kind.isRetired("kling-v1-6", DAY),
          kind.toString());
    }
  }

  /** What Kling says when something fails: 13.6. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          | Failure to pass the risk control system                                                     | policy   | false
          | Something went wrong when we tried to get the contents of the file.                         | input    |
          | model is not supported                                                                      | input    | false
          | model/mode/duration(kling-v2-5-turbo/std/10) is not supported with image_tail               | input    | false
          | Image tail is not supported by the current model                                            | input    | false
          | This API is no longer available                                                             | input    | false
          | The model 'kling-v1' has been discontinued and is no longer available.                      | input    | false
          | Image pixel is invalid                                                                      | input    | false
          | Account balance not enough                                                                  | balance  |
          | parallel task over resource pack limit                                                      | capacity | true
          1301 | whatever                                                                                 | policy   | false
          1102 | whatever                                                                                 | balance  |
          1302 | whatever                                                                                 | capacity | true
          5001 | whatever                                                                                 | kling    | true
          1304 | whatever                                                                                 | ours     |
          | something that nobody has seen yet                                                          | kling    |
          """)
  void what_a_failure_is(
      @Nullable Integer code, String message, String name, @Nullable Boolean retryable) {
    ErrorClass found = Catalog.builtIn().errorClass(code, message);

    assertEquals(name, found.name().wireName());
    assertEquals(retryable, found.retryable());
  }

  @Test
  void a_model_without_a_row_is_checked_by_what_each_field_holds_alone() {
    ModelMapping mapping =
        ModelMapping.of(Map.of("kling-9", "kling-9", "kling-v9", "kling-v9"), Set.of());
    Kind newer = Catalog.builtIn().ofPath("text-to-video").orElseThrow();
    String longer =
        "{'prompt':'%s','settings':{'duration':90,'resolution':'8k','aspect_ratio':'5:4'}}"
            .formatted("a".repeat(30_000));

    Checked checked = RequestRules.check(newer, "kling-9", body(longer), mapping, DAY);

    assertWarns("not in our table", checked);
    assertTrue(checked.units().signum() > 0);
    for (String wrong :
        List.of("{}", "{'prompt':7}", "{'prompt':'a','settings':{'duration':'long'}}")) {
      assertRefused(
          ErrorCode.INVALID_REQUEST,
          "",
          () -> RequestRules.check(newer, "kling-9", body(wrong), mapping, DAY));
    }
    Kind omni = Catalog.builtIn().ofName("omni-video").orElseThrow();
    assertDoesNotThrow(
        () ->
            RequestRules.check(omni, body("{'model_name':'kling-v9','prompt':'a'}"), mapping, DAY));
  }

  @Test
  void a_retirement_is_warned_of_from_thirty_days_before() {
    Kind kind = Catalog.builtIn().ofName("text2video").orElseThrow();
    Body body = body("{'model_name':'kling-v1-6','prompt':'a'}");
    LocalDate off = LocalDate.of(2026, 9, 15);

    Checked early = RequestRules.check(kind, body, ModelMapping.NONE, off.minusDays(31));
    Checked near = RequestRules.check(kind, body, ModelMapping.NONE, off.minusDays(30));

    assertEquals(null, early.retirement());
    assertEquals(List.of(), early.warnings());
    assertEquals("kling-v1-6 is switched off on 2026-09-15", near.retirement());
    assertWarns("2026-09-15", near);
  }

  private static void assertWarns(String word, Checked checked) {
    assertTrue(
        checked.warnings().stream().anyMatch(w -> w.contains(word)), checked.warnings().toString());
  }

  private static void assertRefused(ErrorCode code, String words, Runnable check) {
    ProblemException refusal = assertThrows(ProblemException.class, check::run);
    assertEquals(code, refusal.code(), refusal.getMessage());
    assertTrue(String.valueOf(refusal.getMessage()).contains(words), refusal.getMessage());
    assertFalse(String.valueOf(refusal.getMessage()).contains("\n"));
  }

  private static Checked check(String path, String body) {
    int end = path.lastIndexOf('/');
    Kind newer = Catalog.builtIn().ofPath(path.substring(0, end)).orElse(null);
    return newer != null && newer.dialect() == Kind.Dialect.NEWER
        ? RequestRules.check(newer, path.substring(end + 1), body(body), ModelMapping.NONE, DAY)
        : RequestRules.check(
            Catalog.builtIn().ofPath(path).orElseThrow(), body(body), ModelMapping.NONE, DAY);
  }

  private static Body body(String text) {
    StringBuilder json = new StringBuilder();
    int begin = text.indexOf("{[");
    if (begin < 0) {
      json.append(text);
    } else {
      int end = text.indexOf(']', begin);
      json.append("{'contents':[")
          .append(
              String.join(
                  ",",
                  List.of(text.substring(begin + 2, end).split(" (?![^{]*})")).stream()
                      .map(part -> PARTS.getOrDefault(part, part))
                      .toList()))
          .append(text.substring(end));
    }
    return Body.parse(
        json.toString().replace("HD", HD).replace("DESCRIBED", "d".repeat(100)).replace('\'', '"'));
  }

  private static Kind kind(String name) {
    return Catalog.builtIn().ofName(name).orElseThrow();
  }

  /** Text that stands for so many bytes. */
  private static String base64(int bytes) {
    return "A".repeat((bytes + 2) / 3 * 4);
  }

  private static String named(String model, String members) {
    return "{'model_name':'" + model + "'," + members + "}";
  }

  private static String effect(String scene) {
    return "{'effect_scene':'" + scene + "','input':{'image':'aGk='}}";
  }

  private static String withPrompt(String path, int characters) {
    String text = "a".repeat(characters);
    if (path.startsWith("text-to-video")) {
      return "{'prompt':'" + text + "'," + HD + "}";
    }
    String parts = "{'contents':[{'type':'prompt','text':'" + text + "'}";
    return path.startsWith("motion-control")
        ? parts + "],'settings':{'character_orientation':'image'}}"
        : parts + "," + FIRST + "]," + HD + "}";
  }
}
