package io.klingtracker.tenant;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.runtime.Startup;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.operators.multi.MultiSelectFirstUntilOtherOp;
import io.smallrye.mutiny.subscription.UniEmitter;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Ends what is kept open for a caller, a stream or a long wait, once its key is revoked, expired or
 * suspended or its tenant is suspended: within {@code tracker.keys.cache}, as for new requests.
 */
@Startup
@ApplicationScoped
public class OpenCalls {

  private static final long LEAST_MILLIS = 100;

  private final KeyStore store;
  private final CurrentCaller current;
  private final Map<KeyStore.Who, Set<UniEmitter<? super Boolean>>> open =
      new ConcurrentHashMap<>();

  @Inject
  OpenCalls(KeyStore store, CurrentCaller current, TenantConfig config, Loops loops) {
    this.store = store;
    this.current = current;
    // Twice in that time, so that what was missed by a moment is found in time.
    loops.add(
        WorkLoop.named("open-calls")
            .every(Duration.ofMillis(Math.max(LEAST_MILLIS, config.keys().cache().toMillis() / 2)))
            .work(this::endUnwelcome));
  }

  /** The caller's stream, which completes when the caller may not call any more. */
  public <T> Multi<T> whileAllowed(Multi<T> stream) {
    return new MultiSelectFirstUntilOtherOp<>(stream, end(who()).toMulti());
  }

  /** The caller's answer, which fails when the caller may not call any more before it is there. */
  public <T> Uni<T> whileAllowed(Uni<T> answer) {
    Uni<T> refused =
        end(who())
            .map(
                ended -> {
                  throw new ProblemException(
                      ErrorCode.FORBIDDEN, "this key or its tenant may not call any more");
                });
    return Uni.combine().any().of(answer, refused);
  }

  private KeyStore.Who who() {
    return new KeyStore.Who(current.key(), current.tenant());
  }

  private Uni<Boolean> end(KeyStore.Who who) {
    return Uni.createFrom()
        .emitter(
            emitter -> {
              // In one step with the removal of an empty set, so that none is added to one left.
              open.compute(
                  who,
                  (key, before) -> {
                    Set<UniEmitter<? super Boolean>> all =
                        before == null ? ConcurrentHashMap.newKeySet() : before;
                    all.add(emitter);
                    return all;
                  });
              emitter.onTermination(() -> left(who, emitter));
            });
  }

  private void left(KeyStore.Who who, UniEmitter<? super Boolean> emitter) {
    open.computeIfPresent(
        who,
        (key, all) -> {
          all.remove(emitter);
          return all.isEmpty() ? null : all;
        });
  }

  /** How many callers have something open. */
  int callers() {
    return open.size();
  }

  /** One look at all who have something open. */
  boolean endUnwelcome() {
    List<KeyStore.Who> callers = List.copyOf(open.keySet());
    if (!callers.isEmpty()) {
      Map<KeyStore.Who, List<UniEmitter<? super Boolean>>> ends = new HashMap<>();
      for (KeyStore.Who who : store.unwelcome(callers)) {
        ends.put(who, new ArrayList<>(open.getOrDefault(who, Set.of())));
      }
      ends.values().forEach(all -> all.forEach(emitter -> emitter.complete(true)));
    }
    return false;
  }
}
