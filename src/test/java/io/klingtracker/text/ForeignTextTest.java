package io.klingtracker.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ForeignTextTest {

  @ParameterizedTest
  @CsvSource({
    "a\u0000b, a\uFFFDb",
    "\uD83D, \uFFFD",
    "a\uDE00b, a\uFFFDb",
    "\uDE00\uD83D, \uFFFD\uFFFD",
    "\uD83D\uD83D\uDE00, \uFFFD\uD83D\uDE00"
  })
  void replaces_what_cannot_be_stored(String text, String clean) {
    assertEquals(clean, ForeignText.clean(text));
  }

  @Test
  void leaves_what_can_be_stored() {
    for (String text : new String[] {"", "a cat", "\uD83D\uDE00", "é\n\u202E"}) {
      assertSame(text, ForeignText.clean(text));
      assertSame(text, ForeignText.clean(text, 100));
    }
  }

  @Test
  void cuts_between_characters() {
    assertEquals("abc", ForeignText.clean("abc", 3));
    assertEquals("a…", ForeignText.clean("abcde", 4));
    assertEquals("…", ForeignText.clean("\uD83D\uDE00\uD83D\uDE00", 6));
    assertEquals("\uD83D\uDE00…", ForeignText.clean("\uD83D\uDE00\uD83D\uDE00", 7));
  }

  @Test
  void any_text_comes_out_clean_and_short() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 5_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int n = random.nextInt(40); n > 0; n--) {
        int kind = random.nextInt(4);
        text.append(
            (char)
                (kind == 0
                    ? 0xD7F0 + random.nextInt(0x820)
                    : kind == 1 ? random.nextInt(3) : random.nextInt(kind == 2 ? 128 : 0x10000)));
      }
      int most = 3 + random.nextInt(60);
      String clean = ForeignText.clean(text.toString(), most);
      assertTrue(ForeignText.isClean(clean), "seed " + seed);
      assertTrue(clean.getBytes(StandardCharsets.UTF_8).length <= most, "seed " + seed);
      assertEquals(
          clean,
          new String(clean.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8),
          "seed " + seed);
    }
  }
}
