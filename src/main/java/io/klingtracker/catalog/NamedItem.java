package io.klingtracker.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

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

  private static final Pattern MADE = Pattern.compile("[1-9][0-9]{" + (DIGITS - 1) + ",}");

  /** No word that a number may be read from. */
  private static final Pattern PLAIN = Pattern.compile("0|[1-9][0-9]*|[A-Za-z][A-Za-z0-9_.-]*");

  /** By their names in small letters without underscores: whoever reads them may not mind. */
  private static final Map<String, Kind> MEMBERS =
      Map.of(
          "sessionid", Kind.SESSION,
          "voiceid", Kind.VOICE,
          "voiceids", Kind.VOICE,
          "voicelist", Kind.VOICE,
          "elementvoiceid", Kind.VOICE,
          "elementid", Kind.ELEMENT,
          "elementids", Kind.ELEMENT,
          "elementlist", Kind.ELEMENT,
          "videoid", Kind.VIDEO,
          "audioid", Kind.AUDIO);

  /** By the list of a result that they are in. */
  private static final Map<String, Kind> RESULTS =
      Map.of("videos", Kind.VIDEO, "audios", Kind.AUDIO);

  /** By the type of a part of {@code contents}. */
  private static final Map<String, Kind> TYPES =
      Map.of("session", Kind.SESSION, "voice", Kind.VOICE, "element", Kind.ELEMENT);

  /** What exists in one account. */
  public enum Kind {
    SESSION,
    VOICE,
    ELEMENT,
    /** Among the results of a task, by the id that Kling gave it there. */
    VIDEO,
    /** Among the results of a task or of a call. */
    AUDIO;

    /** Whether it is a result: any task may have made it, and Kling has none of its own. */
    public boolean isResult() {
      return this == VIDEO || this == AUDIO;
    }

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
    return kind.isResult() || MADE.matcher(id).matches();
  }

  /**
   * Whether it is a word or plain digits: Kling may read another spelling, such as one with a sign
   * or a space, as the id of something else. Of a result every spelling but its own is nobody's.
   */
  public boolean isPlain() {
    return kind.isResult() || PLAIN.matcher(id).matches();
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
          "names more than "
              + MAX
              + " sessions, voices, elements, videos and sounds; take some out");
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

  /** Videos and sound that a result of a task or call has. */
  public static Set<NamedItem> media(JsonNode result) {
    Set<NamedItem> made = new LinkedHashSet<>();
    RESULTS.forEach(
        (list, kind) -> result.path(list).forEach(one -> add(kind, one.path("id"), made, MAX)));
    return made;
  }

  private static void collect(JsonNode node, Set<NamedItem> named, int most, boolean presets) {
    JsonNode owner = node.path("owned_by");
    if (presets && owner.isTextual() && !owner.textValue().equalsIgnoreCase("kling")) {
      return;
    }
    String type = node.path("type").asText("");
    node.fields()
        .forEachRemaining(
            member -> {
              Kind kind = kind(member.getKey(), type);
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

  /** What a member names; of a part with a type nobody says under which name Kling reads its id. */
  private static @Nullable Kind kind(String member, String type) {
    boolean ofType = member.equals("id") || member.equals("ids") || member.equals(type);
    return ofType && TYPES.containsKey(type)
        ? TYPES.get(type)
        : MEMBERS.get(member.replace("_", "").toLowerCase(Locale.ROOT));
  }

  private static void add(Kind kind, JsonNode id, Set<NamedItem> named, int most) {
    if ((id.isTextual() || id.isNumber()) && !id.asText().isEmpty() && named.size() < most) {
      named.add(new NamedItem(kind, id.asText()));
    }
  }
}
