package io.klingtracker.rules;

import io.klingtracker.rules.Rule.Ask;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Kling's price list: rows of {@code prices.csv}, the first that fits is the price. */
final class Prices {

  private static final List<Row> ROWS = read();

  private Prices() {}

  /** What a sound request should cost in units; empty where no row fits. */
  static Optional<BigDecimal> expected(Kind kind, @Nullable String upstreamModel, Ask ask) {
    boolean newer = kind.dialect() == Kind.Dialect.NEWER;
    String mode =
        newer ? ask.settings("resolution").asText("720p") : ask.word("mode", presetMode(kind));
    String priceClass = newer ? newerClass(ask) : priceClass(ask);
    return ROWS.stream()
        .filter(
            row ->
                row.kinds.contains(kind.name())
                    && fits(row.model, upstreamModel)
                    && fits(row.mode, mode)
                    && fits(row.priceClass, priceClass))
        .findFirst()
        .flatMap(row -> amount(kind, row, ask));
  }

  private static Optional<BigDecimal> amount(Kind kind, Row row, Ask ask) {
    return switch (row.per) {
      case "second" -> seconds(ask).stream().mapToObj(row::times).findAny();
      case "image" -> Optional.of(row.times(ask.get("n").asInt(1)));
      case "call" -> Optional.of(row.times(1));
      default -> throw new IllegalStateException(kind + " has a price per " + row.per);
    };
  }

  private static OptionalInt seconds(Ask ask) {
    if (ask.settings("duration").isIntegralNumber()) {
      return OptionalInt.of(ask.settings("duration").intValue());
    }
    return ask.has("duration")
        ? Type.Seconds.read(ask.get("duration"))
        : OptionalInt.of(Models.DEFAULT_SECONDS);
  }

  private static String presetMode(Kind kind) {
    return kind.fields().stream()
        .filter(f -> f.name().equals("mode"))
        .map(Field::preset)
        .filter(Objects::nonNull)
        .findAny()
        .orElse("std");
  }

  private static String priceClass(Ask ask) {
    if (ask.get("video_list").size() > 0) {
      return "video";
    }
    if (!ask.word("sound", "off").equals("on")) {
      return "silent";
    }
    return ask.speaks() ? "voice" : "audio";
  }

  private static String newerClass(Ask ask) {
    return ask.settings("audio").asText("off").equals("native") ? "audio" : "silent";
  }

  private static boolean fits(String pattern, @Nullable String value) {
    return pattern.equals("*") || pattern.equals(value);
  }

  private static List<Row> read() {
    try (InputStream csv =
            Objects.requireNonNull(Prices.class.getResourceAsStream("prices.csv"), "prices.csv");
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(csv, StandardCharsets.UTF_8))) {
      return lines
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .skip(1)
          .map(Row::of)
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException("prices.csv", e);
    }
  }

  private record Row(
      List<String> kinds,
      String model,
      String mode,
      String priceClass,
      String per,
      BigDecimal units) {

    static Row of(String line) {
      String[] cells = line.split(",", -1);
      return new Row(
          List.of(cells[0].split(" ")),
          cells[1],
          cells[2],
          cells[3],
          cells[4],
          new BigDecimal(cells[5]));
    }

    BigDecimal times(int count) {
      BigDecimal amount = units.multiply(BigDecimal.valueOf(count)).stripTrailingZeros();
      return amount.scale() < 0 ? amount.setScale(0) : amount;
    }
  }
}
