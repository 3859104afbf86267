package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.egress.RefusedTargetException;
import io.klingtracker.egress.Target;
import io.klingtracker.json.Empty;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What one field may hold: its check, its sentence and its JSON Schema come from the same values.
 * An {@link Empty} value counts as absent everywhere, so no field's type sees one.
 */
sealed interface FieldType {

  /** The rule as a message ends with it, for example {@code must be one of std, pro}. */
  String rule();

  /** The rule as JSON Schema, for the OpenAPI document and the list of models. */
  Map<String, Object> schema();

  /** Refuses the value if it breaks the rule. */
  void check(String field, JsonNode value, Findings findings);

  /** The same sort of value without limits, as a model that we do not know may take it. */
  default FieldType unlimited() {
    return this;
  }

  /** Text of at most so many Unicode code points. */
  record Text(int max) implements FieldType {

    /** As long as a body may be. */
    static final Text ANY = new Text(Integer.MAX_VALUE);

    @Override
    public FieldType unlimited() {
      return ANY;
    }

    @Override
    public String rule() {
      return "must be text of at most " + max + " characters";
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "string", "maxLength", max);
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isTextual()) {
        findings.refuse(field, value, rule());
        return;
      }
      String text = value.textValue();
      int length = text.codePointCount(0, text.length());
      if (length > max) {
        findings.refuse(field, value, rule() + ", has " + length);
      }
    }
  }

  /** One of a few words, as Kling spells them. */
  record Choice(List<String> words) implements FieldType {
    @Override
    public FieldType unlimited() {
      return Text.ANY;
    }

    @Override
    public String rule() {
      return words.size() == 1
          ? "must be " + words.get(0)
          : "must be one of " + String.join(", ", words);
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "string", "enum", words);
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isTextual() || !words.contains(value.textValue())) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /** A word of a list, or a whole number in a range; Kling's way to say "or auto". */
  record WholeOr(long min, long max, String word) implements FieldType {
    @Override
    public FieldType unlimited() {
      return new WholeOr(0, Long.MAX_VALUE, word);
    }

    @Override
    public String rule() {
      return new Whole(min, max).rule() + ", or " + word;
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of(
          "oneOf",
          List.of(new Whole(min, max).schema(), Map.of("type", "string", "enum", List.of(word))));
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      boolean fits =
          value.isTextual() ? word.equals(value.textValue()) : Whole.fits(value, min, max);
      if (!fits) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /**
   * Whole seconds. The legacy generation documents a string, the newer one a number, which Kling
   * takes as text too; either is taken, since whoever writes the other cannot mean anything else.
   */
  record Seconds(SortedSet<Integer> allowed) implements FieldType {

    /** Of more digits it is no number of seconds. */
    static final int MAX = 9999;

    private static final Pattern DIGITS = Pattern.compile("[1-9][0-9]{0,3}");

    private static final Seconds ANY = between(1, MAX);

    @Override
    public FieldType unlimited() {
      return ANY;
    }

    static Seconds between(int min, int max) {
      return new Seconds(
          IntStream.rangeClosed(min, max).boxed().collect(Collectors.toCollection(TreeSet::new)));
    }

    static Seconds of(Integer... allowed) {
      return new Seconds(new TreeSet<>(List.of(allowed)));
    }

    /** The seconds a value says, whether allowed or not. */
    static OptionalInt read(JsonNode value) {
      if (value.isTextual() && DIGITS.matcher(value.textValue()).matches()) {
        return OptionalInt.of(Integer.parseInt(value.textValue()));
      }
      return value.isIntegralNumber() && value.canConvertToInt()
          ? OptionalInt.of(value.intValue())
          : OptionalInt.empty();
    }

    @Override
    public String rule() {
      int span = allowed.last() - allowed.first() + 1;
      return span == allowed.size() && span > 2
          ? "must be whole seconds from %s to %s".formatted(allowed.first(), allowed.last())
          : "must be one of " + listed(allowed) + " seconds";
    }

    @Override
    public Map<String, Object> schema() {
      List<String> words = allowed.stream().map(String::valueOf).toList();
      return Map.of(
          "oneOf",
          List.of(
              Map.of("type", "string", "enum", words),
              Map.of("type", "integer", "enum", List.copyOf(allowed))));
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      OptionalInt seconds = read(value);
      if (seconds.isEmpty() || !allowed.contains(seconds.getAsInt())) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /** A number in a range, ends included. */
  record Decimal(BigDecimal min, BigDecimal max) implements FieldType {
    @Override
    public FieldType unlimited() {
      return between("-1000000", "1000000");
    }

    static Decimal between(String min, String max) {
      return new Decimal(new BigDecimal(min), new BigDecimal(max));
    }

    @Override
    public String rule() {
      return "must be a number from %s to %s".formatted(min, max);
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "number", "minimum", min, "maximum", max);
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isNumber()
          || value.decimalValue().compareTo(min) < 0
          || value.decimalValue().compareTo(max) > 0) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /** A whole number in a range, ends included. */
  record Whole(long min, long max) implements FieldType {
    @Override
    public FieldType unlimited() {
      return new Whole(Long.MIN_VALUE, Long.MAX_VALUE);
    }

    static boolean fits(JsonNode value, long min, long max) {
      return value.isIntegralNumber()
          && value.canConvertToLong()
          && value.longValue() >= min
          && value.longValue() <= max;
    }

    @Override
    public String rule() {
      return "must be a whole number from %s to %s".formatted(min, max);
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "integer", "minimum", min, "maximum", max);
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!fits(value, min, max)) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /**
   * One of Kling's ids. Documented as a long; its digits in a string are taken too, since many
   * clients cannot hold so long a number.
   */
  record Id() implements FieldType {

    private static final Pattern DIGITS = Pattern.compile("[0-9]{1,19}");

    @Override
    public String rule() {
      return "must be an id of Kling's, a whole number";
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of(
          "oneOf",
          List.of(
              Map.of("type", "integer", "format", "int64", "minimum", 0),
              Map.of("type", "string", "pattern", "^[0-9]{1,19}$")));
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      boolean fits =
          value.isTextual()
              ? DIGITS.matcher(value.textValue()).matches()
              : Whole.fits(value, 0, Long.MAX_VALUE);
      if (!fits) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /**
   * True or false. CONFLICT: the table says boolean, an official example sends {@code "true"}; the
   * words are taken as strings too.
   */
  record Flag() implements FieldType {

    static boolean read(JsonNode value) {
      return value.isBoolean() ? value.booleanValue() : "true".equals(value.asText());
    }

    @Override
    public String rule() {
      return "must be true or false";
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of(
          "oneOf",
          List.of(
              Map.of("type", "boolean"),
              Map.of("type", "string", "enum", List.of("true", "false"))));
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isBoolean() && !"true".equals(value.asText()) && !"false".equals(value.asText())) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /** An absolute http or https address, as {@link Target} reads it. */
  record Url() implements FieldType {
    @Override
    public String rule() {
      return "must be an absolute http or https URL of at most "
          + Target.MAX_LENGTH
          + " characters";
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "string", "format", "uri", "maxLength", Target.MAX_LENGTH);
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isTextual()) {
        findings.refuse(field, value, rule());
        return;
      }
      try {
        Target.parse(value.textValue());
      } catch (RefusedTargetException e) {
        findings.refuse(field, value, e.rule());
      }
    }
  }

  /** The caller's own id of a task: a key in our tables, so only what can be seen and stored. */
  record OwnId(int max) implements FieldType {
    @Override
    public String rule() {
      return "must be text of at most " + max + " characters without control characters";
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "string", "maxLength", max);
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      boolean fits =
          value.isTextual()
              && value.textValue().codePointCount(0, value.textValue().length()) <= max
              && value
                  .textValue()
                  .codePoints()
                  .noneMatch(
                      c ->
                          Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE);
      if (!fits) {
        findings.refuse(field, value, rule());
      } else if (ReservedIds.contain(value.textValue())) {
        findings.refuse(field, value, ReservedIds.RULE);
      }
    }
  }

  /** A switch that this model version does not have: false, or nothing. */
  record Never() implements FieldType {
    @Override
    public String rule() {
      return "must be false or left out";
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "boolean", "enum", List.of(false));
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!"false".equals(value.asText())) {
        findings.refuse(field, value, rule());
      }
    }
  }

  /** Anything: what it holds nobody says. */
  record Any() implements FieldType {
    @Override
    public String rule() {
      return "may be anything";
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of();
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      // It is.
    }
  }

  /**
   * A picture, sound or mask: a URL, or its bytes in base64.
   *
   * @param megabytes that it may have; 0 where nobody says. What is behind a URL Kling looks at.
   */
  record Media(int megabytes) implements FieldType {

    private static final long MEGABYTE = 1 << 20;

    @Override
    public FieldType unlimited() {
      return new Media(0);
    }

    @Override
    public String rule() {
      return megabytes == 0
          ? "must be a URL, or base64 without a data: prefix"
          : "must be a URL, or base64 without a data: prefix, of at most %s MB"
              .formatted(megabytes);
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "string", "description", rule().replaceFirst("must be a", "A") + ".");
    }

    /** Bytes that so many characters of base64 are decoded to at least. */
    private boolean isTooLarge(String text) {
      boolean url = text.startsWith("http://") || text.startsWith("https://");
      return megabytes > 0 && !url && (text.length() - 2L) / 4 * 3 > megabytes * MEGABYTE;
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isTextual() || value.textValue().isBlank()) {
        findings.refuse(field, value, rule());
      } else if (value.textValue().startsWith("data:")) {
        // Kling's own words for it.
        findings.refuse(field, value, "File is not in a valid base64 format, it " + rule());
      } else if (isTooLarge(value.textValue())) {
        findings.refuse(field, value, rule() + "; give a larger one by URL");
      }
    }
  }

  /** An array of so many items. */
  record Items(int min, int max, FieldType of) implements FieldType {

    /** Of a list without an end of its own. */
    static final int MAX = 1000;

    @Override
    public FieldType unlimited() {
      return new Items(0, MAX, of.unlimited());
    }

    @Override
    public String rule() {
      return min == max
          ? "must be an array of exactly %s items".formatted(min)
          : "must be an array of %s to %s items".formatted(min, max);
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of("type", "array", "minItems", min, "maxItems", max, "items", of.schema());
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isArray() || value.size() < min || value.size() > max) {
        findings.refuse(field, value, rule());
        return;
      }
      for (int i = 0; i < value.size(); i++) {
        of.check(field + "[" + i + "]", value.get(i), findings);
      }
    }
  }

  /** An object with some fields we know; others pass. */
  record Shape(List<Field> fields) implements FieldType {
    @Override
    public FieldType unlimited() {
      return new Shape(fields.stream().map(Field::unlimited).toList());
    }

    @Override
    public String rule() {
      return "must be an object";
    }

    @Override
    public Map<String, Object> schema() {
      Map<String, Object> schema = new LinkedHashMap<>();
      schema.put("type", "object");
      schema.put("properties", Field.schemas(fields));
      List<String> required = fields.stream().filter(Field::always).map(Field::name).toList();
      if (!required.isEmpty()) {
        schema.put("required", required);
      }
      return schema;
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (!value.isObject()) {
        findings.refuse(field, value, rule());
        return;
      }
      for (Field known : fields) {
        known.check(field + ".", value, findings);
      }
    }
  }

  /**
   * An object, or an array of such objects where the documentation says array and shows objects.
   */
  record OneOrMore(Shape shape) implements FieldType {
    @Override
    public FieldType unlimited() {
      return new OneOrMore(new Shape(shape.fields().stream().map(Field::unlimited).toList()));
    }

    @Override
    public String rule() {
      return shape.rule();
    }

    @Override
    public Map<String, Object> schema() {
      return Map.of(
          "oneOf", List.of(shape.schema(), Map.of("type", "array", "items", shape.schema())));
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      if (value.isArray()) {
        value.forEach(item -> shape.check(field, item, findings));
      } else {
        shape.check(field, value, findings);
      }
    }
  }

  /** What another type takes, but for words that Kling has switched off. */
  record Without(FieldType type, Map<String, LocalDate> off) implements FieldType {
    @Override
    public FieldType unlimited() {
      return new Without(type.unlimited(), off);
    }

    @Override
    public String rule() {
      return type.rule() + ", none of " + listed(off.keySet());
    }

    @Override
    public Map<String, Object> schema() {
      return type.schema();
    }

    @Override
    public void check(String field, JsonNode value, Findings findings) {
      LocalDate day = off.get(value.asText());
      if (day != null && !findings.day().isBefore(day)) {
        findings.refuse(field, value, "Kling has switched it off on " + day);
      } else {
        type.check(field, value, findings);
      }
    }
  }

  private static String listed(Collection<?> values) {
    return values.stream().map(String::valueOf).collect(Collectors.joining(", "));
  }
}
