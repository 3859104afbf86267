package io.klingtracker.rules;

import java.util.List;

/**
 * One sort of asynchronous task, as Kling has a path for it. Kinds are rows of {@link Kinds}.
 *
 * @param path below {@code /v1/}, such as {@code videos/text2video}
 * @param family what its slots are counted for
 * @param results the arrays that its {@code task_result} may hold, the main one first
 */
public record Kind(String path, Family family, List<String> results) {

  public Kind {
    results = List.copyOf(results);
  }

  /** The kind's own word: the path without its first segment. */
  public String name() {
    return path.substring(path.indexOf('/') + 1);
  }
}
