package io.klingtracker.rules;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.klingtracker.json.Empty;
import io.klingtracker.rules.Rule.RequestView;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Kling's price list: rows of {@code prices.csv}, the first that fits is the price. Every request
 * counts something: where the list has no row, the dearest known of the same model and kind, else
 * of the kind, else of the family, so that no spelling of a request passes a budget for nothing.
 */
final class Prices {

  /** Longer than anything that Kling renders. */
  private static final int MAX_SECONDS = 300;

  /** Kling makes nine pictures at most. */
  private static final int MAX_PICTURES = 9;

  /** Motion control with the orientation of an image renders ten seconds at most. */
  private static final int MAX_SECONDS_OF_IMAGE = 10;

  /** The fields that say how many seconds are ordered, and are checked. */
  private static final Set<String> ORDERED = Set.of("duration", "settings");

  private static final List<Row> ROWS = read();

  private Prices() {}

  /** What a sound request counts until Kling tells its deduction. */
  static BigDecimal of(Kind kind, @Nullable String upstreamModel, RequestView request) {
    String mode = mode(kind, request);
    String priceClass = priceClass(kind, request);
    return ROWS.stream()
        .filter(
            row ->
                row.kinds.contains(kind.name())
                    && fits(row.model, upstreamModel)
                    && fits(row.mode, mode)
                    && fits(row.priceClass, priceClass))
        .findFirst()
        .map(row -> row.times(count(row, kind, request)))
        .orElseGet(() -> dearest(kind, upstreamModel, request));
  }

  /** What a synchronous call counts: its price, or the dearest known of such calls. */
  static BigDecimal ofCall(String path) {
    return ROWS.stream()
        .filter(row -> row.kinds.contains(path))
        .findFirst()
        .or(
            () ->
                ROWS.stream()
                    .filter(row -> row.kinds.stream().anyMatch(Prices::isCall))
                    .max(Comparator.comparing(Row::units)))
        .map(row -> row.times(1))
        .orElse(BigDecimal.ZERO);
  }

  private static boolean isCall(String name) {
    return Kinds.syncOfPath(name).isPresent();
  }

  private static BigDecimal dearest(
      Kind kind, @Nullable String upstreamModel, RequestView request) {
    return dearest(kind, request, row -> row.isOf(kind) && row.model.equals(upstreamModel))
        .or(() -> dearest(kind, request, row -> row.isOf(kind)))
        .or(() -> dearest(kind, request, row -> row.max == 0 && row.isOf(kind.family())))
        .orElse(BigDecimal.ZERO);
  }

  private static Optional<BigDecimal> dearest(Kind kind, RequestView request, Predicate<Row> near) {
    return ROWS.stream()
        .filter(near)
        .map(row -> row.times(count(row, kind, request)))
        .max(Comparator.naturalOrder());
  }

  private static int count(Row row, Kind kind, RequestView request) {
    return switch (row.per) {
      case "second" -> seconds(kind, request);
      case "image" -> pictures(request);
      case "call" -> 1;
      case "most" ->
          request.word("character_orientation", "").equals("image")
              ? Math.min(row.max, MAX_SECONDS_OF_IMAGE)
              : row.max;
      default -> throw new IllegalStateException(kind + " has a price per " + row.per);
    };
  }

  /** How many pictures are ordered; a series of unknown length may have as many as there can be. */
  static int pictures(RequestView request) {
    int ordered =
        request.word("result_type", "single").equals("series")
            ? request.get("series_amount").asInt(MAX_PICTURES)
            : request.get("n").asInt(1);
    return Math.max(1, Math.min(MAX_PICTURES, ordered));
  }

  /** Of a kind that has no such field in our table a duration may say anything. */
  private static int seconds(Kind kind, RequestView request) {
    JsonNode ordered =
        Stream.of(
                request.settings("duration"),
                request.get("duration"),
                request.get("input").path("duration"))
            .filter(value -> !Empty.is(value))
            .findFirst()
            .orElse(MissingNode.getInstance());
    int seconds =
        ordered.isMissingNode()
            ? Models.DEFAULT_SECONDS
            : FieldType.Seconds.read(ordered).orElse(MAX_SECONDS);
    int least =
        kind.fields().stream().anyMatch(f -> ORDERED.contains(f.name()))
            ? 1
            : Models.DEFAULT_SECONDS;
    return Math.max(least, Math.min(MAX_SECONDS, seconds));
  }

  private static String mode(Kind kind, RequestView request) {
    if (kind.dialect() == Kind.Dialect.NEWER) {
      return request.settings("resolution").asText("720p");
    }
    return kind.family() == Family.IMAGE
        ? request.word("resolution", "1k")
        : request.word("mode", defaultMode(kind));
  }

  private static String priceClass(Kind kind, RequestView request) {
    if (kind.dialect() == Kind.Dialect.NEWER) {
      return newerClass(request);
    }
    return kind.family() == Family.IMAGE
        ? request.has("image") ? "image" : "text"
        : priceClass(request);
  }

  private static String defaultMode(Kind kind) {
    return kind.fields().stream()
        .filter(f -> f.name().equals("mode"))
        .map(Field::defaultValue)
        .filter(Objects::nonNull)
        .findAny()
        .orElse("std");
  }

  private static String priceClass(RequestView request) {
    if (request.get("video_list").size() > 0) {
      return "video";
    }
    if (!request.word("sound", "off").equals("on")) {
      return "silent";
    }
    return request.speaks() ? "voice" : "audio";
  }

  private static String newerClass(RequestView request) {
    for (JsonNode content : request.get("contents")) {
      if (content.path("type").asText().equals("voice")) {
        return "voice";
      }
    }
    return request.settings("audio").asText("off").equals("native") ? "audio" : "silent";
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
      int max,
      BigDecimal units) {

    static Row of(String line) {
      String[] cells = line.split(",", -1);
      return new Row(
          List.of(cells[0].split(" ")),
          cells[1],
          cells[2],
          cells[3],
          cells[4].replaceFirst(":.*", ""),
          cells[4].startsWith("most:") ? Integer.parseInt(cells[4].substring(5)) : 0,
          new BigDecimal(cells[5]));
    }

    boolean isOf(Kind kind) {
      return kinds.contains(kind.name());
    }

    boolean isOf(Family family) {
      return kinds.stream()
          .anyMatch(name -> Kinds.ofName(name).filter(kind -> kind.family() == family).isPresent());
    }

    BigDecimal times(int count) {
      BigDecimal amount = units.multiply(BigDecimal.valueOf(count)).stripTrailingZeros();
      return amount.scale() < 0 ? amount.setScale(0) : amount;
    }
  }
}
