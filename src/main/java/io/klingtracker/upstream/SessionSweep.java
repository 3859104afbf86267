package io.klingtracker.upstream;

import io.klingtracker.loops.Sweeps;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;

/** Forgets sessions that Kling has forgotten, a bounded batch at a time, on every replica. */
@Startup
@Singleton
class SessionSweep {

  private static final Duration EVERY = Duration.ofHours(1);

  @Inject
  SessionSweep(MadeItems made, Sweeps sweeps) {
    sweeps.add("sessions", EVERY, made::forgetOld);
  }
}
