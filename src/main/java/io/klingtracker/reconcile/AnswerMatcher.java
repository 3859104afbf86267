package io.klingtracker.reconcile;

import io.klingtracker.kling.KlingNews;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Matches what Kling lists with the tasks that are asked about, each of which is matched once. */
final class AnswerMatcher {

  /** Several tenants may have named the same id. */
  private final Map<String, List<Check>> byKlingId = new HashMap<>();

  private final Map<String, List<Check>> byOwnId = new HashMap<>();
  private final Map<String, Check> unanswered = new LinkedHashMap<>();

  /** What Kling says of a task. */
  record Match(Check check, KlingNews news) {}

  AnswerMatcher(Collection<Check> asked) {
    for (Check check : asked) {
      unanswered.put(check.taskId(), check);
      if (check.klingTaskId() != null) {
        byKlingId.computeIfAbsent(check.klingTaskId(), id -> new ArrayList<>()).add(check);
      }
      String own = check.ownId();
      if (own != null && check.klingTaskId() == null) {
        byOwnId.computeIfAbsent(own, id -> new ArrayList<>()).add(check);
      }
    }
  }

  /** Those that are asked about; whatever else Kling speaks of counts for none. */
  List<Match> among(Collection<KlingNews> page) {
    List<Match> matches = new ArrayList<>();
    for (KlingNews news : page) {
      for (Check check : matches(news)) {
        if (unanswered.remove(check.taskId()) != null) {
          matches.add(new Match(check, news));
        }
      }
    }
    return matches;
  }

  private List<Check> matches(KlingNews news) {
    List<Check> matches = new ArrayList<>();
    matches.addAll(byKlingId.getOrDefault(news.klingTaskId(), List.of()));
    matches.addAll(byOwnId.getOrDefault(news.externalTaskId(), List.of()));
    for (Check check : byOwnId.getOrDefault(news.klingTaskId(), List.of())) {
      // A tracked task may be asked for by an id that a callback named.
      if (check.tracked()) {
        matches.add(check);
      }
    }
    return matches;
  }

  /** Those that Kling did not list. */
  Collection<Check> unanswered() {
    return List.copyOf(unanswered.values());
  }
}
