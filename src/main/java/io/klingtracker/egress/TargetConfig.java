package io.klingtracker.egress;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.List;
import java.util.Optional;

/** Where callers' callback URLs may lead. */
@ConfigMapping(prefix = "tracker.webhook")
public interface TargetConfig {

  /** Opens loopback and private ranges, for local use; link-local and metadata never. */
  @WithDefault("false")
  boolean allowPrivate();

  /** Names ({@code *.example.com}) and ranges that may be called although private. */
  Optional<List<String>> allow();

  /** Names and ranges never called. */
  Optional<List<String>> block();

  /** Name server, {@code address:port}, asked instead of the machine's. */
  Optional<String> dnsServer();
}
