package io.klingtracker.json;

import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Objects of every shape, written with odd spacing, escapes and number forms. */
final class RandomJson {

  private static final List<String> LEAVES =
      List.of(
          "1",
          "-0",
          "1.50",
          "1e5",
          "-2.5E-3",
          "true",
          "false",
          "null",
          "\"\"",
          "\"a\\n\"",
          "\"\\u00e9\"",
          "\"\\ud83c\\udfac\"",
          "\"🎬\"",
          "\"\\\"}\"",
          "12345678901234567890123");

  private RandomJson() {}

  static String object(Random random, int depth) {
    return IntStream.range(0, random.nextInt(5))
        .mapToObj(
            i ->
                space(random)
                    + "\"k"
                    + i
                    + "\""
                    + space(random)
                    + ":"
                    + space(random)
                    + value(random, depth)
                    + space(random))
        .collect(Collectors.joining(",", "{", space(random) + "}"));
  }

  private static String value(Random random, int depth) {
    int choice = depth == 0 ? 0 : random.nextInt(5);
    if (choice == 4) {
      return object(random, depth - 1);
    }
    if (choice == 3) {
      return IntStream.range(0, random.nextInt(4))
          .mapToObj(i -> value(random, depth - 1))
          .collect(Collectors.joining(", ", "[", "]"));
    }
    return LEAVES.get(random.nextInt(LEAVES.size()));
  }

  private static String space(Random random) {
    return List.of("", "", " ", "\n\t", "\r\n").get(random.nextInt(5));
  }
}
