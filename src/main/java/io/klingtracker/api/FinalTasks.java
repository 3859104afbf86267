package io.klingtracker.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.cache.Newest;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskView;
import io.klingtracker.watch.ChangeNotifier;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Tasks that ended hardly change: the answers for those asked for last are remembered as they are
 * written, a bounded number, until some replica removes the tasks or copies their results. Clients
 * ask again soon after an end and then no more, so it is the newest that are kept.
 */
@Singleton
class FinalTasks {

  /** How long they are remembered, should nobody say that they are gone. */
  private static final Duration LIFE = Duration.ofSeconds(60);

  /** Tasks with a longer result are not remembered, in characters: it bounds the memory. */
  private static final int MAX_RESULT = 16_384;

  private final Newest<Asked, Answer> known;
  private final ObjectMapper json;

  /** Counts removals. */
  private final AtomicLong removals = new AtomicLong();

  private record Asked(String tenant, String id) {}

  /**
   * What is answered for a task.
   *
   * @param id the task
   * @param tag what the answer is known by, as a header has it
   * @param body JSON
   */
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  record Answer(String id, String tag, byte[] body) {}

  @Inject
  FinalTasks(ReadConfig config, Clock clock, ChangeNotifier notifier, ObjectMapper json) {
    this(config.cacheSize(), clock, json);
    notifier.removals(this::forget);
  }

  FinalTasks(int most, Clock clock, ObjectMapper json) {
    this.known = new Newest<>(most, LIFE, clock);
    this.json = json;
  }

  void forget(Set<String> taskIds) {
    removals.incrementAndGet();
    if (taskIds.isEmpty()) {
      known.clear();
    } else {
      known.removeIf(answer -> taskIds.contains(answer.id()));
    }
  }

  /** What is answered for an id of any sort; null if it is not remembered. */
  @Nullable Answer get(String tenant, String id) {
    return known.get(new Asked(tenant, id));
  }

  /** To be asked before a task is read. */
  long moment() {
    return removals.get();
  }

  /**
   * The answer for a task that has ended, from now on remembered, unless it may have been removed
   * since it was read.
   *
   * @param id what was asked for
   * @param readAfter the {@link #moment} before it was read
   */
  Answer keep(String id, Task task, long readAfter) {
    Answer answer = new Answer(task.id(), tag(task), body(task));
    String result = task.result();
    if (result == null || result.length() <= MAX_RESULT) {
      Asked asked = new Asked(task.tenant(), id);
      known.put(asked, answer);
      // Whoever removes counts first: one of us sees the other.
      if (removals.get() != readAfter) {
        known.remove(asked);
      }
    }
    return answer;
  }

  /** What a task as it is now is known by; copies of results come without a change of it. */
  static String tag(Task task) {
    String results = task.results();
    return "\"%s-%s%s\""
        .formatted(
            task.id(),
            task.sequence(),
            results == null ? "" : "-" + Integer.toHexString(results.hashCode()));
  }

  private byte[] body(Task task) {
    try {
      return json.writeValueAsBytes(TaskView.of(task));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a task cannot be shown", e);
    }
  }
}
