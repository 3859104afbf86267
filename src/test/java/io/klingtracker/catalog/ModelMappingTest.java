package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.json.Body;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelMappingTest {

  private static final Kind TEXT2VIDEO =
      Catalog.current().ofPath("videos/text2video").orElseThrow();

  @Test
  void chains_are_followed_to_their_end() {
    ModelMapping mapping =
        ModelMapping.of(Map.of("best", "good", "good", "kling-v3", "new", "new"), Set.of());

    assertEquals(Optional.of("kling-v3"), mapping.upstream("best"));
    assertEquals(Optional.of("kling-v3"), mapping.upstream("good"));
    assertEquals(Optional.of("new"), mapping.upstream("new"));
    assertEquals(Optional.empty(), mapping.upstream("kling-v3"));
  }

  @Test
  void a_circle_is_refused_by_its_names() {
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> ModelMapping.of(Map.of("a", "b", "b", "c", "c", "b"), Set.of()));

    assertTrue(
        String.valueOf(refusal.getMessage()).contains("kling.models.a"), refusal.getMessage());
    assertTrue(
        String.valueOf(refusal.getMessage()).contains("a -> b -> c -> b"), refusal.getMessage());
  }

  @Test
  void a_tenant_s_own_names_go_before_the_common_ones() {
    ModelMapping common = ModelMapping.of(Map.of("best", "kling-v3"), Set.of());

    ModelMapping own = common.with(Map.of("best", "kling-v2-6", "mine", "best"), "tenant");

    assertEquals(Optional.of("kling-v2-6"), own.upstream("mine"));
    assertThrows(
        IllegalArgumentException.class, () -> common.with(Map.of("kling-v3", "best"), "tenant"));
  }

  @Test
  void the_rules_are_those_of_the_model_at_the_end() {
    ModelMapping mapping = ModelMapping.of(Map.of("old", "kling-v2-6"), Set.of());

    Checked checked = RequestRules.check(TEXT2VIDEO, body("old", "10"), mapping, Today.DAY);
    ProblemException refusal =
        assertThrows(
            ProblemException.class,
            () -> RequestRules.check(TEXT2VIDEO, body("old", "7"), mapping, Today.DAY));

    assertEquals("old", checked.model());
    assertEquals("kling-v2-6", checked.upstreamModel());
    // The upstream name is nobody's business outside.
    assertTrue(String.valueOf(refusal.getMessage()).endsWith("with old"), refusal.getMessage());
  }

  @Test
  void a_model_newer_than_our_table_is_let_in_by_mapping_it() {
    ModelMapping mapping = ModelMapping.of(Map.of("kling-v9", "kling-v9"), Set.of());

    Checked checked = RequestRules.check(TEXT2VIDEO, body("kling-v9", "15"), mapping, Today.DAY);

    assertEquals("kling-v9", checked.upstreamModel());
    assertTrue(checked.warnings().toString().contains("table"), checked.warnings().toString());
  }

  @Test
  void a_model_of_another_path_stays_unknown_however_it_is_called() {
    ModelMapping mapping = ModelMapping.of(Map.of("omni", "kling-v3-omni"), Set.of());

    ProblemException refusal =
        assertThrows(
            ProblemException.class,
            () -> RequestRules.check(TEXT2VIDEO, body("omni", "5"), mapping, Today.DAY));

    assertEquals(ErrorCode.MODEL_UNKNOWN, refusal.code());
  }

  @Test
  void a_switched_off_model_works_again_once_it_is_mapped_to_another() {
    ModelMapping mapping = ModelMapping.of(Map.of("kling-v1", "kling-v3"), Set.of("kling-v1"));

    Checked checked = RequestRules.check(TEXT2VIDEO, body("kling-v1", "5"), mapping, Today.DAY);

    assertEquals("kling-v1", checked.model());
    assertEquals("kling-v3", checked.upstreamModel());
  }

  private static Body body(String model, String duration) {
    return Body.parse(
        "{\"model_name\":\"%s\",\"prompt\":\"a\",\"duration\":\"%s\"}".formatted(model, duration));
  }

  @ParameterizedTest
  @CsvSource({
    "kling-v3, kling-v3",
    "kling-3.0, kling-3.0",
    "kolors-virtual-try-on-v1, kolors-virtual-try-on-v1",
    "house-upstream, house-upstream",
    "house, other",
    "invented, other",
    "Kling-V3, other",
    "kling-v3 , kling-v3",
    "'kling-v3 ', other",
    "'', other",
    "other, other",
    ", other",
  })
  void slots_go_by_names_that_we_know(@Nullable String upstream, String slots) {
    ModelMapping mapping =
        ModelMapping.of(Map.of("house", "middle", "middle", "house-upstream"), Set.of());

    assertEquals(slots, mapping.slotModel(upstream));
    assertTrue(mapping.slotModels().contains(slots));
  }

  @Test
  void a_kind_without_a_table_sends_any_name_and_takes_slots_of_other() {
    Kind effects = Catalog.current().ofName("effects").orElseThrow();
    for (String name : List.of("invented-1", "invented-2")) {
      Checked checked =
          RequestRules.check(
              effects,
              Body.parse(
                  "{\"model_name\":\"%s\",\"effect_scene\":\"hug_pro\",\"input\":{\"image\":\"https://a.example/b.png\"}}"
                      .formatted(name)),
              ModelMapping.NONE,
              Today.DAY);

      assertEquals(name, checked.upstreamModel());
      assertEquals("other", checked.slotModel());
    }
  }
}
