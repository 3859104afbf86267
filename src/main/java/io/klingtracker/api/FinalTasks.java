package io.klingtracker.api;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.klingtracker.task.Task;
import io.klingtracker.watch.ChangeNotifier;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * Tasks that ended do not change: those asked for lately are remembered, a bounded number, until
 * some replica removes them.
 */
@Singleton
class FinalTasks {

  /**
   * How long they are remembered; also how long one may still be shown that was removed while it
   * was read.
   */
  private static final Duration LIFE = Duration.ofSeconds(60);

  /** Tasks with a longer result are not remembered, in characters: it bounds the memory. */
  private static final int MAX_RESULT = 16_384;

  private final Cache<Asked, Task> known;

  private record Asked(String tenant, String id) {}

  @Inject
  FinalTasks(ReadConfig config, Clock clock, ChangeNotifier notifier) {
    this.known = Caches.afterWrite(config.cacheSize(), LIFE, clock);
    notifier.removals(this::forget);
  }

  private void forget(Set<String> taskIds) {
    if (taskIds.isEmpty()) {
      known.invalidateAll();
    } else {
      known.asMap().values().removeIf(task -> taskIds.contains(task.id()));
    }
  }

  Optional<Task> get(String tenant, String id) {
    return Optional.ofNullable(known.getIfPresent(new Asked(tenant, id)));
  }

  void keep(String id, Task task) {
    String result = task.result();
    if (task.status().isFinal() && (result == null || result.length() <= MAX_RESULT)) {
      known.put(new Asked(task.tenant(), id), task);
    }
  }
}
