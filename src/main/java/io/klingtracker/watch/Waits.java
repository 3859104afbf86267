package io.klingtracker.watch;

import io.klingtracker.http.WaitingRequest;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The requests that wait for changes on this replica, streams and long-polls: one bound, shared by
 * tenants. A wait may be ended at any time, because another tenant needs its place or because the
 * service stops: a stream is taken up again elsewhere, a long-poll is answered with what is.
 */
@Singleton
public class Waits {

  private static final Logger LOG = Logger.getLogger(Waits.class);
  private static final Duration COME_BACK = Duration.ofSeconds(5);

  private final Share share;
  private final WaitingRequest request;
  private final Set<Wait> open = ConcurrentHashMap.newKeySet();
  private volatile boolean stopping;

  @Inject
  Waits(WatchConfig config, Shares shares, WaitingRequest request) {
    this.request = request;
    this.share =
        shares.of(
            Bound.lasting(
                "waits",
                "streams and waits",
                config.maxWatchers(),
                ErrorCode.UNAVAILABLE,
                COME_BACK));
  }

  /** One request that waits; closing it ends it, more than once does no harm. */
  public final class Wait implements AutoCloseable {

    private final Runnable end;
    private volatile @Nullable Permit permit;

    private Wait(Runnable end) {
      this.end = end;
    }

    private void cutShort() {
      if (open.remove(this)) {
        try {
          end.run();
        } catch (RuntimeException e) {
          LOG.warnf(e, "a wait did not end well");
        }
      }
    }

    @Override
    public void close() {
      open.remove(this);
      Permit held = permit;
      if (held != null) {
        held.close();
      }
    }
  }

  /**
   * Begins to wait.
   *
   * @param cutShort ends the wait before its time; is run at most once, in another's thread, or in
   *     this one while the service stops, maybe before this returns, and must not block
   * @throws ProblemException when too many wait, or the tenant has its share
   */
  public Wait begin(String tenant, Runnable cutShort) {
    Wait wait = new Wait(cutShort);
    open.add(wait);
    try {
      wait.permit = share.enter(tenant, 1, wait::cutShort).orThrow();
    } catch (ProblemException e) {
      open.remove(wait);
      throw e;
    }
    if (stopping) {
      // A refusal would be the end for browsers' streams; this way they come back elsewhere.
      wait.cutShort();
    }
    // From here on it holds no thread, and this bound instead of that of requests under way.
    request.begin();
    return wait;
  }

  /** How many wait. */
  public long open() {
    return share.held();
  }

  void onStop(@Observes ShutdownDelayInitiatedEvent stop) {
    endAll();
  }

  /** Ends those under way, and from then on each as it begins. */
  void endAll() {
    stopping = true;
    List.copyOf(open).forEach(Wait::cutShort);
  }
}
