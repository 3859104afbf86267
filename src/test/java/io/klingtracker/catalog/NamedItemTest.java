package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.NamedItem.Kind;
import io.klingtracker.json.Body;
import io.klingtracker.problem.ProblemException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

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
