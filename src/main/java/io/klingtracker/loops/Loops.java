package io.klingtracker.loops;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.interceptor.Interceptor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jboss.logging.Logger;

/**
 * All loops of this replica. Features add theirs while they are made, which is at start-up; here
 * they begin together, once everything else has started, and end in the reverse order, so that none
 * outlives what it was made after.
 */
@Singleton
public class Loops implements AutoCloseable {

  private static final Logger LOG = Logger.getLogger(Loops.class);

  /** After every other observer of the start, those that wait for the first tenant included. */
  private static final int LAST = Interceptor.Priority.APPLICATION + 1900;

  private final List<WorkLoop> loops = new ArrayList<>();
  private boolean started;

  @Inject
  public Loops() {}

  /** Takes a loop, which begins with the others, or at once when they have begun. */
  public synchronized WorkLoop add(WorkLoop loop) {
    loops.add(loop);
    if (started) {
      loop.start();
    }
    return loop;
  }

  void onStart(@Observes @Priority(LAST) StartupEvent start) {
    start();
  }

  void onStop(@Observes ShutdownEvent stop) {
    close();
  }

  /** Begins all loops. */
  public synchronized void start() {
    started = true;
    loops.forEach(WorkLoop::start);
  }

  /** Ends all loops, the last one first. */
  @Override
  public void close() {
    List<WorkLoop> ending = all();
    Collections.reverse(ending);
    for (WorkLoop loop : ending) {
      try {
        loop.close();
      } catch (RuntimeException e) {
        LOG.warnf("%s did not end in order: %s", loop.name(), e.getMessage());
      }
    }
  }

  /** All of them, in the order in which they were added. */
  synchronized List<WorkLoop> all() {
    return new ArrayList<>(loops);
  }
}
