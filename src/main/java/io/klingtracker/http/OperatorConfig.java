package io.klingtracker.http;

import io.smallrye.config.ConfigMapping;
import java.util.Optional;
import java.util.OptionalInt;

/** A listener for operators, apart from the one that clients and Kling use. */
@ConfigMapping(prefix = "tracker.operator")
public interface OperatorConfig {

  /**
   * Its port. Administration, metrics and documents are then 404 on the public one; unset, all is
   * on {@code quarkus.http.port}.
   */
  OptionalInt port();

  /** The address it binds to; that of {@code quarkus.http.host} if unset. */
  Optional<String> host();
}
