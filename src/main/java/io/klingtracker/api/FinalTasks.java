package io.klingtracker.api;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.klingtracker.task.Task;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.Optional;

/** Tasks that ended do not change: those asked for lately are remembered, a bounded number. */
@Singleton
class FinalTasks {

  private final int maxResult;
  private final Cache<Asked, Task> known;

  private record Asked(String tenant, String id) {}

  @Inject
  FinalTasks(ReadConfig config, Clock clock) {
    this.maxResult = config.cacheResult();
    this.known = Caches.afterWrite(config.cacheSize(), config.cacheTime(), clock);
  }

  Optional<Task> get(String tenant, String id) {
    return Optional.ofNullable(known.getIfPresent(new Asked(tenant, id)));
  }

  void keep(String id, Task task) {
    String result = task.result();
    if (task.status().isFinal() && (result == null || result.length() <= maxResult)) {
      known.put(new Asked(task.tenant(), id), task);
    }
  }
}
