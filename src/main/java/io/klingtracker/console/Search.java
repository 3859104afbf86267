package io.klingtracker.console;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Kind;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Metadata;
import io.klingtracker.request.Nearest;
import io.klingtracker.request.Parameters;
import io.klingtracker.task.TaskFilter;
import io.klingtracker.task.TaskStatus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the search field has in it: an id, or words such as {@code status:failed kind:text2video}.
 *
 * @param text as it was written
 * @param id the one word without a colon; null when there is none
 * @param filter what the words say
 * @param fault why it cannot be searched for; null when it can
 */
public record Search(String text, @Nullable String id, TaskFilter filter, @Nullable String fault) {

  /** Characters; longer than any id and filter. */
  static final int MAX = 2000;

  private static final List<String> WORDS =
      List.of("status", "kind", "model", "external", "since", "before");

  private static final List<String> STATUSES =
      Arrays.stream(TaskStatus.values()).map(TaskStatus::wireName).toList();

  /** Reads it; never fails, since the page shows the fault beside the field. */
  static Search of(@Nullable String given) {
    String text = given == null ? "" : given.strip();
    try {
      return read(text);
    } catch (ProblemException e) {
      return new Search(
          text,
          null,
          new TaskFilter(null, null, null, null, null, null),
          String.valueOf(e.getMessage()));
    }
  }

  private static Search read(String text) {
    Parameters.text("q", text, MAX);
    String id = null;
    Map<String, String> words = new HashMap<>();
    Map<String, List<String>> labels = new HashMap<>();
    for (String part : text.isEmpty() ? new String[0] : text.split("\\s+")) {
      int colon = part.indexOf(':');
      String name = part.substring(0, Math.max(0, colon));
      String value = part.substring(colon + 1);
      if (colon < 0 && id != null) {
        throw Parameters.invalid(
            "one id at a time, or words such as status:failed; prompts are not searched");
      }
      if (colon < 0) {
        id = part;
      } else if (name.startsWith(Metadata.FILTER)) {
        labels.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
      } else if (!WORDS.contains(name)) {
        throw Parameters.invalid(
            "unknown word %s; %s".formatted(Nearest.shown(name), Nearest.hint(name, WORDS)));
      } else {
        words.put(name, value);
      }
    }
    String status = Parameters.word("status", words.get("status"), STATUSES);
    TaskFilter filter =
        new TaskFilter(
            kind(words.get("kind")),
            status == null ? null : TaskStatus.of(status),
            Parameters.text("model", words.get("model")),
            Parameters.text("external", words.get("external")),
            Parameters.time("since", words.get("since")),
            Parameters.time("before", words.get("before")),
            Metadata.filter(labels).stream()
                .map(pair -> new TaskFilter.Label(pair.key(), pair.value()))
                .toList());
    return new Search(text, id, filter, null);
  }

  private static @Nullable String kind(@Nullable String name) {
    if (name == null) {
      return null;
    }
    return Catalog.current()
        .ofName(name)
        .map(Kind::name)
        .orElseThrow(
            () ->
                Parameters.invalid(
                    "unknown kind %s; %s"
                        .formatted(
                            Nearest.shown(name),
                            Nearest.hint(
                                name,
                                Catalog.current().kinds().stream().map(Kind::name).toList()))));
  }

  /** Whether it is narrowed to a status; for the list of them beside the search. */
  public boolean isStatus(String word) {
    TaskStatus status = filter.status();
    return status != null && status.wireName().equals(word);
  }
}
