package io.klingtracker.custody;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.io.InputStream;
import java.util.HexFormat;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MediaTypeTest {

  @ParameterizedTest
  @CsvSource({
    "0000001866747970 69736f6d00000200, video/mp4",
    "0000001466747970 7174202000000000, video/quicktime",
    "1a45dfa301000000 000000001f428681, video/webm",
    "89504e470d0a1a0a 0000000d49484452, image/png",
    "ffd8ffe000104a46 4946000101000001, image/jpeg",
    "4749463839610100 0100800000000000, image/gif",
    "52494646aabbccdd 5745425056503820, image/webp",
    "52494646aabbccdd 57415645666d7420, audio/wav",
    "4f67675300020000 0000000000000000, audio/ogg",
    "4944330300000000 0f76545353450000, audio/mpeg",
    "fffb906400000000 0000000000000000, audio/mpeg",
    "fff1508000000000 0000000000000000, audio/aac",
    "676c544602000000 0000000000000000, model/gltf-binary",
  })
  void the_first_bytes_say_what_it_is(String hex, String type) {
    assertEquals(type, Objects.requireNonNull(MediaType.of(bytes(hex))).wireName());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "ff",
        "ffd8",
        "3c68746d6c3e3c62 6f64793e",
        "7b22636f6465223a 313230337d",
        "52494646aabbccdd 4156492000000000",
        "0000000000000000 0000000000000000",
        "ffe1000000000000 0000000000000000"
      })
  void what_kling_does_not_make_is_nothing(String hex) {
    assertNull(MediaType.of(bytes(hex)));
  }

  @ParameterizedTest
  @CsvSource({"mp4, video/mp4", "jpg, image/jpeg", "mp3, audio/mpeg"})
  void files_are_what_they_are(String extension, String type) throws IOException {
    try (InputStream file =
        MediaTypeTest.class.getResourceAsStream("/io/klingtracker/simulator/result." + extension)) {
      MediaType found = MediaType.of(Objects.requireNonNull(file).readNBytes(MediaType.BYTES));
      assertEquals(type, Objects.requireNonNull(found).wireName());
      assertEquals(extension, found.extension());
    }
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }
}
