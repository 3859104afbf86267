package io.klingtracker.api;

import io.klingtracker.task.Task;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Tasks that ended do not change: those asked for lately are remembered, a bounded number. */
@Singleton
class FinalTasks {

  private final ReadConfig config;
  private final Clock clock;
  private final Map<Asked, Known> known;

  private record Asked(String tenant, String id) {}

  private record Known(Task task, Instant until) {}

  @Inject
  FinalTasks(ReadConfig config, Clock clock) {
    this.config = config;
    this.clock = clock;
    this.known =
        new LinkedHashMap<>(16, 0.75f, true) {
          private static final long serialVersionUID = 1L;

          @Override
          protected boolean removeEldestEntry(Map.Entry<Asked, Known> eldest) {
            return size() > config.cacheSize();
          }
        };
  }

  Optional<Task> get(String tenant, String id) {
    synchronized (known) {
      Asked asked = new Asked(tenant, id);
      Known hit = known.get(asked);
      if (hit == null) {
        return Optional.empty();
      }
      if (clock.instant().isAfter(hit.until())) {
        known.remove(asked);
        return Optional.empty();
      }
      return Optional.of(hit.task());
    }
  }

  void keep(String id, Task task) {
    String result = task.result();
    if (task.status().isFinal() && (result == null || result.length() <= config.cacheResult())) {
      synchronized (known) {
        known.put(
            new Asked(task.tenant(), id),
            new Known(task, clock.instant().plus(config.cacheTime())));
      }
    }
  }
}
