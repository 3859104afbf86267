package io.klingtracker.kling;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Kling accounts and how we talk to them. */
@ConfigMapping(prefix = "kling")
public interface KlingConfig {

  /** Accounts by name; at least one. */
  Map<String, Account> accounts();

  /** Public model name to Kling's; an unmapped known model maps to itself. */
  Map<String, String> models();

  /** Models that Kling has switched off, beside those of the catalogue. */
  Optional<List<String>> discontinuedModels();

  /** Time limits of one call. */
  Timeout timeout();

  /** Bounds of the HTTP client. */
  Http http();

  /**
   * An HTTP proxy that every call to Kling goes through, such as {@code
   * http://user:password@proxy.example.com:3128}: a tunnel (CONNECT) to an https {@code base-url},
   * else in the proxy's own form.
   */
  Optional<URI> proxy();

  /** A PEM file of the certificates that vouch for Kling, in place of the JVM's own. */
  Optional<Path> trustedCertificates();

  /** One Kling account. */
  interface Account {
    /** Kling's host for this account, without a path. */
    @WithDefault("https://api-singapore.klingai.com")
    URI baseUrl();

    /** Half of the JWT pair; needs {@link #secretKey()}. */
    Optional<String> accessKey();

    /** Half of the JWT pair; needs {@link #accessKey()}. */
    Optional<String> secretKey();

    /** An API key instead of the pair, or beside it for the newer generation's paths. */
    Optional<String> apiKey();

    /** Slots per model version and family. */
    @WithDefault("5")
    int maxParallel();

    /**
     * Slots of each model version of the video family, where its pack has others; or {@code auto}.
     */
    Optional<ParallelSlots> maxParallelVideo();

    /** The same of the image family. */
    Optional<ParallelSlots> maxParallelImage();

    /** The same of the try-on family. */
    Optional<ParallelSlots> maxParallelTryOn();

    /** The same of the audio family. */
    Optional<ParallelSlots> maxParallelAudio();

    /** The same of what is in none of these. */
    Optional<ParallelSlots> maxParallelGeneral();

    /** Kling's names of the models that it may use; all when not set. */
    Optional<List<String>> models();

    /** Share of new tasks, beside other accounts that have free slots. */
    @WithDefault("1")
    int weight();

    /** {@code whsec_…} values; when set, a callback must be signed with one of them. */
    Optional<List<String>> webhookSecrets();
  }

  /** Time limits. */
  interface Timeout {
    /** To get a connection, TLS included. */
    @WithDefault("5s")
    Duration connect();

    /** Longest silence while waiting for an answer. */
    @WithDefault("30s")
    Duration read();
  }

  /** Client bounds. */
  interface Http {
    /** Connections to one host of Kling's. */
    @WithDefault("32")
    int poolSize();
  }
}
