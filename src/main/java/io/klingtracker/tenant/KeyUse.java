package io.klingtracker.tenant;

import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Writes when keys were last used: at most once a minute each, and never on a request's way. */
@ApplicationScoped
class KeyUse {

  private static final Duration AT_MOST_EVERY = Duration.ofMinutes(1);
  private static final Duration POLL = Duration.ofSeconds(5);

  private final KeyStore store;
  private final Clock clock;
  private final int most;
  private final Map<UUID, Instant> written = new ConcurrentHashMap<>();
  private final Set<UUID> pending = ConcurrentHashMap.newKeySet();
  private @Nullable WorkLoop loop;

  @Inject
  KeyUse(KeyStore store, Clock clock, TenantConfig config) {
    this.store = store;
    this.clock = clock;
    this.most = config.keys().cacheSize();
  }

  void onStart(@Observes StartupEvent start) {
    loop = WorkLoop.start("key-use", POLL, this::write);
  }

  void onStop(@Observes ShutdownEvent stop) {
    if (loop != null) {
      loop.close();
    }
  }

  void used(@Nullable UUID key) {
    if (key == null) {
      return;
    }
    Instant now = clock.instant();
    Instant last = written.get(key);
    if (last == null || !now.isBefore(last.plus(AT_MOST_EVERY))) {
      if (written.size() >= most) {
        written.clear();
      }
      written.put(key, now);
      pending.add(key);
    }
  }

  boolean write() {
    Set<UUID> keys = Set.copyOf(pending);
    if (!keys.isEmpty()) {
      pending.removeAll(keys);
      store.used(keys);
    }
    return false;
  }
}
