package io.klingtracker.rules;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.math.BigDecimal;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
    assertEquals(Optional.empty(), Kinds.resolve("videos/nonsense"));
    assertEquals(Optional.empty(), Kinds.resolve("videos"));
    assertEquals(Optional.empty(), Kinds.resolve(""));
  }

  @Test
  void synchronous_paths_are_known_by_method() {
    assertTrue(Kinds.sync("POST", "audio/tts").isPresent());
    assertTrue(Kinds.sync("GET", "audio/tts").isEmpty());
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
          videos/effects | {'effect_scene':'hug','input':{'images':['aGk=','aGk=']}}
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
          general/advanced-custom-elements | {'element_name':'a'}
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
          videos/effects | {'effect_scene':'hug','input':{'images':['aGk=']}} | input.images
          videos/effects | {'effect_scene':'hug','input':{}} | input.image
          videos/avatar/image2video | {'image':'aGk='} | exactly one of audio_id, sound_file
          videos/avatar/image2video | {'image':'aGk=','audio_id':'1','sound_file':'aGk='} | exactly one of audio_id, sound_file
          videos/multi-elements | {'session_id':'1','edit_mode':'add','prompt':'a'} | edit_mode
          images/generations | {'prompt':'a','n':10} | n value '10'
          images/generations | {'prompt':'a','n':0} | n value '0'
          images/omni-image | {'prompt':'a','series_amount':10} | series_amount
          images/omni-image | {'prompt':'a','series_amount':1} | series_amount
          images/multi-image2image | {'subject_image_list':[]} | 1 to 4
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
          videos/omni-video | {'prompt':'a','video_list':[{'video_url':'https://a/b'}]} | 6
          images/generations | {'prompt':'a','model_name':'kling-v3','n':2} | 16
          audio/text-to-audio | {'prompt':'a','duration':5} | 0.25
          general/custom-voices | {'voice_name':'a','video_id':'1'} | 0.05
          """)
  void units_follow_the_price_list(String path, String body, BigDecimal units) {
    assertEquals(units, check(path, body).units());
  }

  @Test
  void what_only_the_result_tells_has_no_expected_units() {
    assertEquals(null, check("videos/video-extend", "{'video_id':'1'}").units());
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
        Kinds.ofPath(path).orElseThrow(), Body.parse(body.replace('\'', '"')), ModelMapping.NONE);
  }

  private static String resolved(String path) {
    Kinds.Addressed addressed = Kinds.resolve(path).orElseThrow();
    return addressed.kind().name() + "|" + addressed.id();
  }
}
