package io.klingtracker.rules;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What is particular about one model version; the kind's own fields say what all versions share.
 *
 * @param name Kling's name of it
 * @param narrowed types that take the place of the kind's, by field, in the order of their names
 * @param soundModes modes in which {@code sound: on} is possible; empty for every mode
 * @param ignored fields that are taken and have no effect, which is worth a warning
 */
record Model(
    String name, Map<String, FieldType> narrowed, Set<String> soundModes, Set<String> ignored) {

  Model {
    // Sentences in documents come in this order, in every process.
    narrowed = Collections.unmodifiableSortedMap(new TreeMap<>(narrowed));
  }

  /** The kind's fields as this version takes them. */
  List<Field> fields(List<Field> common) {
    return common.stream()
        .map(f -> narrowed.containsKey(f.name()) ? f.type(narrowed.get(f.name())) : f)
        .toList();
  }
}
