package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Something that exists in one Kling account, as a body or an answer names it.
 *
 * @param kind what it is
 * @param id Kling's id
 */
public record NamedItem(Kind kind, String id) {

  /** The most that one request may name; Kling takes fewer. */
  public static final int MAX = 50;

  /**
   * Kling's ids are decimal numbers of some 18 digits; shorter ones and words are presets' names.
   */
  private static final int DIGITS = 10;

  private static final Map<String, Kind> MEMBERS =
      Map.of(
          "session_id", Kind.SESSION,
          "voice_id", Kind.VOICE,
          "voice_ids", Kind.VOICE,
          "element_voice_id", Kind.VOICE,
          "element_id", Kind.ELEMENT,
          "element_ids", Kind.ELEMENT);

  /** What exists in one account. */
  public enum Kind {
    SESSION,
    VOICE,
    ELEMENT;

    /** As it is stored and said. */
    public String wireName() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The kind that a word means.
     *
     * @throws IllegalArgumentException for any other word
     */
    public static Kind of(String wireName) {
      return valueOf(wireName.toUpperCase(Locale.ROOT));
    }
  }

  /** Whether Kling may have given this id; else it is one of its words for a preset. */
  public boolean isMade() {
    return id.matches("[0-9]{" + DIGITS + ",}");
  }

  /**
   * All that a request names, wherever in it.
   *
   * @throws ProblemException when it names more than {@value #MAX}
   */
  public static Set<NamedItem> in(JsonNode request) {
    Set<NamedItem> named = new LinkedHashSet<>();
    collect(request, named, MAX + 1, false);
    if (named.size() > MAX) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          "names more than " + MAX + " sessions, voices and elements; take some out");
    }
    return named;
  }

  /** The first of what an answer names. */
  public static Set<NamedItem> among(JsonNode answer, int most) {
    Set<NamedItem> named = new LinkedHashSet<>();
    collect(answer, named, most, false);
    return named;
  }

  /** The first of Kling's own that an answer names. */
  public static Set<NamedItem> presets(JsonNode answer, int most) {
    Set<NamedItem> named = new LinkedHashSet<>();
    collect(answer, named, most, true);
    return named;
  }

  private static void collect(JsonNode node, Set<NamedItem> named, int most, boolean presets) {
    JsonNode owner = node.path("owned_by");
    if (presets && owner.isTextual() && !owner.textValue().equalsIgnoreCase("kling")) {
      return;
    }
    node.fields()
        .forEachRemaining(
            member -> {
              Kind kind = MEMBERS.get(member.getKey());
              JsonNode value = member.getValue();
              if (kind != null && !value.isObject()) {
                (value.isArray() ? value : List.of(value))
                    .forEach(id -> add(kind, id, named, most));
              }
            });
    for (JsonNode child : node) {
      if (child.isContainerNode() && named.size() < most) {
        collect(child, named, most, presets);
      }
    }
  }

  private static void add(Kind kind, JsonNode id, Set<NamedItem> named, int most) {
    if ((id.isTextual() || id.isNumber()) && !id.asText().isEmpty() && named.size() < most) {
      named.add(new NamedItem(kind, id.asText()));
    }
  }
}
