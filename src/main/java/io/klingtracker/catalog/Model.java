package io.klingtracker.catalog;

import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One model version on one path.
 *
 * @param name Kling's name of it
 * @param alias another name that the path takes for it, if any
 * @param fields what the path takes with this version
 * @param narrowed those of the fields of which it says something of its own
 * @param modes of fields that not every mode has: the modes that do
 * @param ignored fields by their path that are taken and have no effect, which is worth a warning
 * @param contents what {@code contents} may hold; null where the path has none
 * @param takes what may be sent with a task
 * @param retired the day from which Kling refuses it; null while none is known
 */
record Model(
    String name,
    @Nullable String alias,
    List<Field> fields,
    Set<String> narrowed,
    Map<String, List<String>> modes,
    Set<String> ignored,
    @Nullable Contents contents,
    Takes takes,
    @Nullable LocalDate retired) {

  /** Days before a retirement from which callers are warned. */
  static final int NOTICE_DAYS = 30;

  /**
   * What Kling takes with a task.
   *
   * @param callbackUrl whether it calls back
   * @param externalTaskId whether it keeps our id, by which it can be asked for the task
   * @param apiKeyOnly whether a key pair's token is refused
   */
  record Takes(boolean callbackUrl, boolean externalTaskId, boolean apiKeyOnly) {}

  /** A version of which we know no more than that it is one. */
  Model unlimited() {
    return new Model(
        name,
        alias,
        fields.stream().map(Field::unlimited).toList(),
        narrowed,
        modes,
        ignored,
        null,
        takes,
        retired);
  }

  /** Whether it is to go within the time that callers are warned before. */
  boolean retiresSoon(LocalDate day) {
    return retired != null && !isRetired(day) && !day.plusDays(NOTICE_DAYS).isBefore(retired);
  }

  /** Whether Kling refuses it on that day. */
  boolean isRetired(LocalDate day) {
    return retired != null && !day.isBefore(retired);
  }
}
