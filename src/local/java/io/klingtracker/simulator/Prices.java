package io.klingtracker.simulator;

import java.math.BigDecimal;
import java.util.Map;

/** Units of a video: ordered seconds times the model's price for its mode and sound. */
final class Prices {

  private static final BigDecimal UNKNOWN = new BigDecimal("0.4");
  private static final BigDecimal PER_CALL = new BigDecimal("1");

  /** Units a second: model, mode, and {@code +} for sound. */
  private static final Map<String, BigDecimal> PER_SECOND =
      Map.ofEntries(
          price("kling-v3 std", "0.6"),
          price("kling-v3 pro", "0.8"),
          price("kling-v3 4k", "3.0"),
          price("kling-v3 std+", "0.9"),
          price("kling-v3 pro+", "1.2"),
          price("kling-v3 4k+", "3.0"),
          price("kling-v2-6 std", "0.3"),
          price("kling-v2-6 pro", "0.5"),
          price("kling-v2-6 pro+", "1.0"),
          price("kling-v2-5-turbo std", "0.3"),
          price("kling-v2-5-turbo pro", "0.5"),
          price("kling-v1 std", "0.2"),
          price("kling-v1 pro", "0.7"),
          price("kling-v1-6 std", "0.4"),
          price("kling-v1-6 pro", "0.7"),
          price("kling-v2-master std", "2.0"),
          price("kling-v2-1-master std", "2.0"));

  private Prices() {}

  private static Map.Entry<String, BigDecimal> price(String key, String units) {
    return Map.entry(key, new BigDecimal(units));
  }

  static BigDecimal units(
      Product product, String model, String mode, boolean sound, double seconds, int count) {
    if (product.family() != Product.Family.VIDEO) {
      return PER_CALL.multiply(BigDecimal.valueOf(count));
    }
    BigDecimal perSecond =
        PER_SECOND.getOrDefault(
            model + " " + mode + (sound ? "+" : ""),
            PER_SECOND.getOrDefault(model + " " + mode, UNKNOWN));
    return perSecond.multiply(BigDecimal.valueOf(seconds)).stripTrailingZeros();
  }
}
