package io.klingtracker.klingapi;

import io.klingtracker.http.Bodies;
import io.klingtracker.json.Body;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.function.Function;

/** Reads the body of the request under way, which is there before its resource is called. */
@Singleton
class BodyReader {

  private final Bodies bodies;
  private final int usual;
  private final int media;

  @Inject
  BodyReader(Bodies bodies, ApiConfig config) {
    this.bodies = bodies;
    this.usual = config.maxBody();
    this.media = Math.max(config.maxBody(), config.maxMediaBody());
  }

  /**
   * Reads the body and works on it; its memory is free again once that is done, though the request
   * may wait on.
   *
   * @param takesMedia whether it may hold pictures or sound
   * @throws io.klingtracker.problem.ProblemException when it is too large or no JSON we take
   */
  <T> T read(boolean takesMedia, Function<Body, T> work) {
    try {
      return work.apply(Body.parse(bodies.take(), takesMedia ? media : usual));
    } finally {
      bodies.release();
    }
  }
}
