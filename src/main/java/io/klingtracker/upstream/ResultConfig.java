package io.klingtracker.upstream;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.List;

/** What Kling's results should look like. */
@ConfigMapping(prefix = "kling")
public interface ResultConfig {

  /** Hosts of result URLs, with their subdomains; others are flagged. Empty: none is. */
  @WithDefault("klingai.com,kling.ai,kwimgs.com,inkwai.com")
  List<String> resultHosts();
}
