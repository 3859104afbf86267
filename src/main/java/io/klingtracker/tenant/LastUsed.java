package io.klingtracker.tenant;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** Writes when keys were last used: at most once a minute each, and never on a request's way. */
@Startup
@ApplicationScoped
class LastUsed {

  private static final Logger LOG = Logger.getLogger(LastUsed.class);
  private static final Duration AT_MOST_EVERY = Duration.ofMinutes(1);
  private static final Duration POLL = Duration.ofSeconds(5);

  private final KeyStore store;
  private final Clock clock;
  private final Cache<UUID, Instant> written;
  private final Set<UUID> pending = ConcurrentHashMap.newKeySet();

  @Inject
  LastUsed(KeyStore store, Clock clock, Loops loops) {
    this.store = store;
    this.clock = clock;
    this.written = Caches.afterWrite(KeyCache.SIZE, AT_MOST_EVERY, clock);
    loops.add(WorkLoop.named("key-use").every(POLL).work(this::write));
  }

  void used(@Nullable UUID key) {
    if (key == null) {
      return;
    }
    if (written.asMap().putIfAbsent(key, clock.instant()) == null) {
      pending.add(key);
    }
  }

  boolean write() {
    Set<UUID> keys = Set.copyOf(pending);
    if (!keys.isEmpty()) {
      pending.removeAll(keys);
      Batch.apply(
          keys,
          store::used,
          (key, failure) ->
              LOG.warnf("the use of key %s is not noted: %s", key, SetAside.reason(failure)));
    }
    return false;
  }
}
