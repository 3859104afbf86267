package io.klingtracker.kling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Settings;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParallelSlotsTest {

  @Test
  void a_number_is_that_number_and_auto_is_found_between_5_and_100() {
    assertEquals(new ParallelSlots(20, 20), ParallelSlots.of("20"));
    assertFalse(ParallelSlots.of("20").isAuto());
    assertEquals(new ParallelSlots(5, 100), ParallelSlots.of("auto"));
    assertTrue(ParallelSlots.of("auto").isAuto());
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "10001", "99999999999999", "AUTO", "1.5", ""})
  void anything_else_is_refused_with_what_is_expected(String text) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> ParallelSlots.of(text));

    assertEquals("must be 1 to 10000, or auto, is " + text, refused.getMessage());
  }

  @Test
  void it_is_read_from_the_settings_by_family() {
    KlingConfig.Account account =
        Settings.of(
                KlingConfig.class,
                Map.of(
                    "kling.accounts.default.api-key", "key",
                    "kling.accounts.default.max-parallel-try-on", "auto",
                    "kling.accounts.default.max-parallel-image", "9"))
            .accounts()
            .get("default");

    assertEquals(Optional.of(ParallelSlots.of("auto")), account.maxParallelTryOn());
    assertEquals(Optional.of(ParallelSlots.fixed(9)), account.maxParallelImage());
    assertEquals(Optional.empty(), account.maxParallelVideo());
  }
}
