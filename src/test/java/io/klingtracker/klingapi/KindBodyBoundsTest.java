package io.klingtracker.klingapi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.Settings;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KindBodyBoundsTest {

  private static final String USUAL = "1000";
  private static final String MEDIA = "9000";

  private final KindBodyBounds bounds =
      new KindBodyBounds(
          Settings.of(
              ApiConfig.class,
              Map.of("tracker.api.max-body", USUAL, "tracker.api.max-media-body", MEDIA)));

  @ParameterizedTest
  @CsvSource({
    "/kling/v1/videos/image2video, 9000",
    "/kling/v1/videos/image2video/, 9000",
    "/%6Bling/v1/videos/image2video, 9000",
    "/kling/v1/videos/text2video, 1000",
    "/kling/v1/videos/nothing, 1000",
    "/kling/v1/, 1000",
    "/kling/v1, 1000",
    "/kling/, 1000",
    "/kling, 1000",
    "/klingon/v1/videos/image2video, 1000",
    "/v1/tasks, 1000",
    "/, 1000"
  })
  void a_body_may_be_large_where_its_kind_takes_media(String path, int most) {
    assertEquals(most, bounds.of(path));
  }
}
