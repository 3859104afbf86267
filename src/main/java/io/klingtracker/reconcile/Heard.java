package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingNews;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Matches what Kling lists with the tasks that are asked about, each of which is heard of once. */
final class Heard {

  private final Map<String, Check> byKlingId = new HashMap<>();
  private final Map<String, Check> byOwnId = new HashMap<>();
  private final Map<String, Check> silent = new LinkedHashMap<>();

  /** What Kling says of a task. */
  record Word(Check check, KlingNews said) {}

  Heard(Collection<Check> asked) {
    for (Check check : asked) {
      silent.put(check.taskId(), check);
      if (check.klingTaskId() != null) {
        byKlingId.put(check.klingTaskId(), check);
      }
      String own = check.ownId();
      if (own != null) {
        byOwnId.put(own, check);
      }
    }
  }

  /** Those of a page that are asked about. */
  List<Word> among(Collection<KlingNews> page) {
    List<Word> words = new ArrayList<>();
    for (KlingNews said : page) {
      Check check = match(said);
      if (check != null && silent.remove(check.taskId()) != null) {
        words.add(new Word(check, said));
      }
    }
    return words;
  }

  private @Nullable Check match(KlingNews said) {
    Check known = byKlingId.get(said.klingTaskId());
    if (known != null) {
      return known;
    }
    Check named = byOwnId.get(said.externalTaskId());
    if (named == null) {
      // A tracked task may be asked for by an id that a callback named.
      named = byOwnId.get(said.klingTaskId());
    }
    return named != null && named.klingTaskId() == null ? named : null;
  }

  /** Those that were not heard of. */
  Collection<Check> silent() {
    return List.copyOf(silent.values());
  }
}
