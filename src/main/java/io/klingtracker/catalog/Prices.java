package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.catalog.Rule.RequestView;
import io.klingtracker.json.Empty;
import java.math.BigDecimal;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Kling's price list: the first row that fits is the price. Every request counts something: where
 * the list has no row, the dearest known of the same model and kind, else of the kind, else of the
 * family, so that no spelling of a request passes a budget for nothing.
 *
 * @param rows an overlay's before the built-in ones
 */
record Prices(List<Prices.Row> rows) {

  /** Longer than anything that Kling renders: of a duration that cannot be read. */
  private static final int MAX_SECONDS = 300;

  /** A video that is edited comes out as long as it was put in, and may have so many seconds. */
  private static final int MAX_SECONDS_OF_EDITED = 15;

  /** Kling makes nine pictures at most. */
  private static final int MAX_PICTURES = 9;

  /** Motion control with the orientation of an image renders ten seconds at most. */
  private static final int MAX_SECONDS_OF_IMAGE = 10;

  /** The fields that say how many seconds are ordered, and are checked. */
  private static final Set<String> ORDERED = Set.of("duration", "settings");

  private static final List<String> CLASSES =
      List.of("silent", "audio", "voice", "video", "text", "image");

  private static final List<String> COLUMNS =
      List.of("kinds", "model", "mode", "class", "per", "most", "input", "units");

  /** What a sound request counts until Kling reports its deduction. */
  BigDecimal of(Kind kind, @Nullable String upstreamModel, RequestView request) {
    String mode = mode(kind, request);
    String priceClass = priceClass(kind, request);
    return rows.stream()
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

  private BigDecimal dearest(Kind kind, @Nullable String upstreamModel, RequestView request) {
    return dearest(kind, request, row -> row.isOf(kind) && row.model.equals(upstreamModel))
        .or(() -> dearest(kind, request, row -> row.isOf(kind)))
        .or(() -> dearest(kind, request, row -> row.most == 0 && kind.family() == row.family))
        .orElse(BigDecimal.ZERO);
  }

  private Optional<BigDecimal> dearest(Kind kind, RequestView request, Predicate<Row> near) {
    return rows.stream()
        .filter(near)
        .map(row -> row.times(count(row, kind, request)))
        .max(Comparator.naturalOrder());
  }

  private static int count(Row row, Kind kind, RequestView request) {
    return switch (row.per) {
      case "second" -> row.input == 0 ? seconds(row, kind, request) : withInput(row, kind, request);
      case "image" -> pictures(kind, request);
      default -> 1;
    };
  }

  /** How many pictures are ordered; a series of unknown length may have as many as there can be. */
  static int pictures(Kind kind, RequestView request) {
    // Where the kind has no such field Kling does not read it, and nobody has checked it.
    int ordered =
        has(kind, "result_type") && request.word("result_type", "single").equals("series")
            ? request.get("series_amount").asInt(MAX_PICTURES)
            : request.get("n").asInt(1);
    return Math.max(1, Math.min(MAX_PICTURES, ordered));
  }

  /** Of a kind that has no such field in our table a duration may say anything. */
  private static int seconds(Row row, Kind kind, RequestView request) {
    if (row.most > 0) {
      // Only the result shows it.
      return request.orientation(kind.dialect()).equals("image")
          ? Math.min(row.most, MAX_SECONDS_OF_IMAGE)
          : row.most;
    }
    int seconds =
        durations(kind, request).stream()
            .filter(value -> !Empty.is(value))
            .mapToInt(value -> FieldType.Seconds.read(value).orElse(MAX_SECONDS))
            .max()
            .orElse(Rule.DEFAULT_SECONDS);
    int least =
        kind.fields().stream().anyMatch(f -> ORDERED.contains(f.name())) ? 1 : Rule.DEFAULT_SECONDS;
    int ordered = Math.max(least, Math.min(FieldType.Seconds.MAX, seconds));
    return row.input == 0 && edits(kind, request)
        ? Math.max(ordered, MAX_SECONDS_OF_EDITED)
        : ordered;
  }

  /** Whether a video is put in to be edited; of a {@code feature} one only the looks are taken. */
  private static boolean edits(Kind kind, RequestView request) {
    if (kind.dialect() == Kind.Dialect.NEWER) {
      return request.contents("base_video") > 0;
    }
    if (!has(kind, "video_list")) {
      return false;
    }
    for (JsonNode video : request.get("video_list")) {
      if (!video.path("refer_type").asText("base").equals("feature")) {
        return true;
      }
    }
    return false;
  }

  /** Where Kling reads a duration of this kind; what is elsewhere is checked by nobody. */
  private static List<JsonNode> durations(Kind kind, RequestView request) {
    if (kind.dialect() == Kind.Dialect.NEWER) {
      return List.of(request.settings("duration"));
    }
    return has(kind, "duration")
        ? List.of(request.get("duration"))
        : List.of(
            request.settings("duration"),
            request.get("duration"),
            request.get("input").path("duration"));
  }

  private static boolean has(Kind kind, String field) {
    return kind.fields().stream().anyMatch(f -> f.name().equals(field));
  }

  /** Input is paid for as output is, and twice the output at the least. */
  private static int withInput(Row row, Kind kind, RequestView request) {
    int output = seconds(row, kind, request);
    return Math.max(2 * output, output + row.input * request.videos());
  }

  private static String mode(Kind kind, RequestView request) {
    if (kind.dialect() == Kind.Dialect.NEWER) {
      return request.settings("resolution").asText("720p");
    }
    return kind.family() == Family.IMAGE
        ? request.word("resolution", "1k")
        : request.word("mode", defaultMode(kind));
  }

  /** The field that {@link #mode} reads, by its path. */
  private static String modeField(Kind kind) {
    if (kind.dialect() == Kind.Dialect.NEWER) {
      return "settings.resolution";
    }
    return kind.family() == Family.IMAGE ? "resolution" : "mode";
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
    if (request.videos() > 0) {
      return "video";
    }
    if (request.contents("voice") > 0) {
      return "voice";
    }
    return request.settings("audio").asText("off").equals("off") ? "silent" : "audio";
  }

  private static boolean fits(String pattern, @Nullable String value) {
    return pattern.equals("*") || pattern.equals(value);
  }

  /**
   * A line of the list.
   *
   * @param kinds names of kinds
   * @param family that of its first kind
   * @param model as sent to Kling; {@code *} for any, as in the next two
   * @param mode of a video, or the resolution of an image and in the newer generation
   * @param priceClass silent, audio, voice or video; text or image for pictures
   * @param per second, image or call
   * @param most seconds where only the result shows its length; else 0
   * @param input seconds that each video put in may have, and that are paid for too; else 0
   */
  record Row(
      List<String> kinds,
      Family family,
      String model,
      String mode,
      String priceClass,
      String per,
      int most,
      int input,
      BigDecimal units) {

    /** Reads {@code {kinds: [text2video], model: kling-v3, mode: std, per: second, units: 0.6}}. */
    static Row read(CatalogNode line, List<Kind> known) {
      line.members(COLUMNS);
      CatalogNode kinds = line.need("kinds");
      for (String name : kinds.words()) {
        if (known.stream().noneMatch(kind -> kind.name().equals(name))) {
          throw kinds.fault("there is no kind " + name);
        }
      }
      String model = line.get("model", name -> model(name, kinds.words(), known), "*");
      Family family =
          known.stream()
              .filter(kind -> kinds.words().contains(kind.name()))
              .map(Kind::family)
              .findFirst()
              .orElseThrow(() -> kinds.fault("names no kind"));
      return new Row(
          kinds.words(),
          family,
          model,
          line.get("mode", mode -> mode(mode, kinds.words(), known), "*"),
          line.get("class", word -> word.word(CLASSES), "*"),
          line.need("per").word(List.of("second", "image", "call")),
          line.get("most", CatalogNode::whole, 0),
          line.get("input", CatalogNode::whole, 0),
          line.need("units").amount());
    }

    /** Any name where one of the kinds takes any. */
    private static String model(CatalogNode name, List<String> kinds, List<Kind> known) {
      List<Kind> of = known.stream().filter(kind -> kinds.contains(kind.name())).toList();
      if (of.stream().noneMatch(k -> k.models().isEmpty() || k.model(name.text()).isPresent())) {
        throw name.fault(
            "none of the kinds has a model %s; give it a row in models".formatted(name.text()));
      }
      return name.text();
    }

    /** A word that all the kinds' choice has, or any where one has none. */
    private static String mode(CatalogNode mode, List<String> kinds, List<Kind> known) {
      Set<String> words = new TreeSet<>();
      for (Kind kind : known) {
        if (kinds.contains(kind.name())) {
          Set<String> own = kind.choice(modeField(kind));
          if (own.isEmpty()) {
            return mode.text();
          }
          words.addAll(own);
        }
      }
      return mode.word(words);
    }

    boolean isOf(Kind kind) {
      return kinds.contains(kind.name());
    }

    BigDecimal times(int count) {
      BigDecimal amount = units.multiply(BigDecimal.valueOf(count)).stripTrailingZeros();
      return amount.scale() < 0 ? amount.setScale(0) : amount;
    }
  }
}
