package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KeyFormatTest {

  @ParameterizedTest
  @EnumSource(KeyFormat.class)
  void what_is_made_fits_and_is_not_made_twice(KeyFormat form) {
    String key = form.make();

    assertTrue(form.fits(key), key);
    assertFalse(form.make().equals(key));
  }

  @ParameterizedTest
  @EnumSource(KeyFormat.class)
  void one_wrong_missing_or_extra_character_does_not_fit(KeyFormat form) {
    String key = form.make();

    for (int i = 0; i < key.length(); i++) {
      char other = key.charAt(i) == 'x' ? 'y' : 'x';
      assertFalse(form.fits(key.substring(0, i) + other + key.substring(i + 1)));
      assertFalse(form.fits(key.substring(0, i) + key.substring(i + 1)));
    }
    assertFalse(form.fits(key + "0"));
    assertFalse(form.fits(""));
  }

  @ParameterizedTest
  @EnumSource(KeyFormat.class)
  void a_key_of_another_form_does_not_fit(KeyFormat form) {
    for (KeyFormat other : KeyFormat.values()) {
      assertEquals(form == other, form.fits(other.make()));
    }
  }
}
