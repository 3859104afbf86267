package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.NamedItem.Kind;
import io.klingtracker.json.Body;
import io.klingtracker.problem.ProblemException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamedItemTest {

  @Test
  void what_a_body_names_is_found_wherever_it_is_as_text_and_as_number() {
    assertEquals(
        Set.of(
            new NamedItem(Kind.SESSION, "878106242831892489"),
            new NamedItem(Kind.VOICE, "829836802793406551"),
            new NamedItem(Kind.VOICE, "genshin_vindi2"),
            new NamedItem(Kind.ELEMENT, "829836802793406552"),
            new NamedItem(Kind.ELEMENT, "829836802793406553"),
            new NamedItem(Kind.VOICE, "829836802793406554")),
        named(
            """
            {"session_id":"878106242831892489","voice_list":[{"voice_id":"829836802793406551"}],
            "input":{"voice_id":"genshin_vindi2"},"element_list":[{"element_id":829836802793406552}],
            "element_ids":["829836802793406553"],"element_voice_id":"829836802793406554","prompt":"voice_id 5","voice_name":"none"}\
            """));
  }

  @Test
  void empty_and_senseless_ones_name_nothing() {
    assertEquals(
        Set.of(), named("{\"voice_id\":\"\",\"element_id\":null,\"session_id\":{\"a\":true}}"));
  }

  @Test
  void a_word_is_a_preset_s_name_and_a_long_number_an_id_of_kling_s() {
    assertTrue(new NamedItem(Kind.VOICE, "829836802793406551").isMade());
    assertFalse(new NamedItem(Kind.VOICE, "genshin_vindi2").isMade());
    assertFalse(new NamedItem(Kind.VOICE, "12").isMade());
  }

  @Test
  void a_part_of_contents_names_it_by_its_type_and_a_list_may_hold_ids_themselves() {
    assertEquals(
        Set.of(
            new NamedItem(Kind.VOICE, "829836802793406551"),
            new NamedItem(Kind.ELEMENT, "829836802793406552"),
            new NamedItem(Kind.VOICE, "829836802793406553"),
            new NamedItem(Kind.ELEMENT, "829836802793406554"),
            new NamedItem(Kind.VOICE, "829836802793406555"),
            new NamedItem(Kind.ELEMENT, "829836802793406556"),
            new NamedItem(Kind.SESSION, "829836802793406557")),
        named(
            """
            {"contents":[{"type":"voice","id":"829836802793406551"},{"type":"element","ids":[829836802793406552]},
            {"type":"voice","voice":"829836802793406553"},{"type":"element","Element_ID":"829836802793406554"},
            {"type":"prompt","id":"829836802793406558","text":"a"},{"type":5,"id":"829836802793406559"}],
            "voice_list":["829836802793406555"],"elementId":829836802793406556,"SESSION_ID":"829836802793406557","id":"7"}\
            """));
  }

  @Test
  void a_video_or_sound_is_named_by_its_id_and_made_under_it() {
    assertEquals(
        Set.of(
            new NamedItem(Kind.VIDEO, "878106242831892488"),
            new NamedItem(Kind.AUDIO, "878106242831892490"),
            new NamedItem(Kind.VIDEO, " odd")),
        named(
            """
            {"input":{"video_id":878106242831892488},"face_choose":[{"audio_id":"878106242831892490"}],"videoId":" odd",
            "video_url":"https://a/b","videos":[{"id":"1"}]}\
            """));
    assertEquals(
        Set.of(new NamedItem(Kind.VIDEO, "1"), new NamedItem(Kind.AUDIO, "2")),
        NamedItem.media(
            body("""
                    {"videos":[{"id":"1","url":"3"},{"url":"4"}],"audios":[{"id":2}],"images":[{"id":"5"}],"id":"6"}\
                    """)
                .root()));
    assertTrue(new NamedItem(Kind.VIDEO, "12").isMade());
    assertTrue(new NamedItem(Kind.AUDIO, "9f-a b").isPlain());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        " 829836802793406551",
        "829836802793406551 ",
        "+829836802793406551",
        "-829836802793406551",
        "829836802793406551.0",
        "8.29836802793406551e17",
        "0829836802793406551",
        "829_836_802_793_406_551",
        "829836802793406551L",
        "829836802793406551,829836802793406552",
        "0xb84328b6a8f4a87",
        "\u0668\u0662\u0669\u0668\u0663\u0666\u0668\u0660\u0662\u0667\u0669",
        "\u00a0829836802793406551",
        "a 829836802793406551",
        "voice\u0000"
      })
  void what_may_be_read_as_another_id_is_no_plain_one(String id) {
    assertFalse(new NamedItem(Kind.VOICE, id).isPlain(), id);
  }

  @ParameterizedTest
  @ValueSource(strings = {"829836802793406551", "0", "12", "genshin_vindi2", "en_f-v1", "Vera.2"})
  void digits_and_words_are_plain(String id) {
    assertTrue(new NamedItem(Kind.VOICE, id).isPlain(), id);
  }

  @Test
  void a_number_that_is_no_whole_one_is_named_and_is_not_plain() {
    for (String number : List.of("829836802793406551.0", "8.2983680279340655e17", "-1")) {
      Set<NamedItem> named = named("{\"element_list\":[{\"element_id\":%s}]}".formatted(number));
      assertEquals(1, named.size(), number);
      assertFalse(named.iterator().next().isPlain(), number);
    }
  }

  @Test
  void too_many_are_refused() {
    String many =
        IntStream.range(0, NamedItem.MAX + 1)
            .mapToObj(i -> "{\"voice_id\":\"" + i + "\"}")
            .collect(Collectors.joining(",", "{\"voice_list\":[", "]}"));

    assertThrows(ProblemException.class, () -> named(many));
  }

  @Test
  void of_a_list_of_presets_only_kling_s_own_count() {
    assertEquals(
        Set.of(new NamedItem(Kind.VOICE, "1"), new NamedItem(Kind.VOICE, "3")),
        NamedItem.presets(
            body("""
            {"voices":[{"voice_id":"1","owned_by":"kling"},{"voice_id":"2","owned_by":"77"},{"voice_id":"3"}]}\
            """)
                .root(),
            10));
  }

  private static Set<NamedItem> named(String json) {
    return NamedItem.in(body(json).root());
  }

  private static Body body(String json) {
    return Body.parse(json.getBytes(StandardCharsets.UTF_8), 100_000);
  }
}
