package io.klingtracker.start;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.secret.SecretConfig;
import io.klingtracker.secret.Secrets;
import io.klingtracker.tenant.TenantConfig;
import io.klingtracker.webhook.FirstSecretConfig;
import io.smallrye.config.SmallRyeConfig;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Secrets that anybody could guess. Short ones are refused always; towards the real Kling, where
 * they guard money, also what the examples of this repository say and what is shorter than a random
 * value would be. No message repeats a secret.
 */
final class SecretCheck {

  /** Shortest key of ours, or secret half of a pair, beside a simulator, in characters. */
  static final int MIN_KEY = 8;

  /** Shortest key of ours or Kling's towards the real Kling, in characters. */
  static final int MIN_REAL_KEY = 16;

  /** Shortest webhook secret in bytes: 192 bits, as Standard Webhooks has it. */
  static final int MIN_WEBHOOK_BYTES = 24;

  /** Fewest different characters of a secret towards the real Kling; random ones have more. */
  static final int MIN_DIFFERENT = 4;

  private static final String WEBHOOK_SECRET = "whsec_";

  /** What src/docs, Compose, Kubernetes and {@code mvn -Plocal} show; a test looks for others. */
  private static final Set<String> EXAMPLES =
      Set.of(
          "local-dev-key",
          "local-access",
          "local-secret-0123456789abcdef",
          "local-admin-key",
          "local-tracker-secret-0123456789abcdef0123456789",
          "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OWFi",
          "for-trying-out-only-0123456789abcdef",
          "tracker");

  private static final String PLACEHOLDER = "replace-me";

  /** Where no real Kling is: this machine, and the simulator's name in Compose. */
  private static final Pattern PRETENDED =
      Pattern.compile("localhost|.+\\.localhost|127(\\.[0-9]+){1,3}|\\[::1]|simulator");

  private final Faults faults;
  private final Map<String, KlingConfig.Account> accounts;
  private final boolean real;

  SecretCheck(Faults faults, Map<String, KlingConfig.Account> accounts) {
    this.faults = faults;
    this.accounts = accounts;
    this.real = accounts.values().stream().anyMatch(account -> isReal(account.baseUrl()));
  }

  private static boolean isReal(URI base) {
    return base.getHost() != null && !PRETENDED.matcher(base.getHost()).matches();
  }

  /** Whether a value is that of an example of ours. */
  static boolean isExample(String value) {
    return EXAMPLES.contains(value) || value.startsWith(PLACEHOLDER);
  }

  void check(SmallRyeConfig config) {
    SecretConfig root = config.getConfigMapping(SecretConfig.class);
    root.secret().ifPresent(secret -> root("tracker.secret", secret));
    root.previousSecrets()
        // One that everybody knows is allowed here: that is how it is rotated away.
        .ifPresent(all -> all.forEach(old -> isLong("tracker.previous-secrets", old)));
    TenantConfig tenant = config.getConfigMapping(TenantConfig.class);
    tenant.adminKey().ifPresent(key -> key("tracker.admin-key", key));
    tenant.bootstrap().apiKey().ifPresent(key -> key("tracker.bootstrap.api-key", key));
    tenant.bootstrap().secretKey().ifPresent(key -> key("tracker.bootstrap.secret-key", key));
    config
        .getConfigMapping(FirstSecretConfig.class)
        .webhookSecret()
        .ifPresent(secret -> firstWebhookSecret("tracker.bootstrap.webhook-secret", secret));
    config
        .getOptionalValue("quarkus.datasource.password", String.class)
        .filter(password -> real)
        .ifPresent(password -> example("quarkus.datasource.password", password));
    accounts.forEach(this::account);
  }

  private void account(String name, KlingConfig.Account account) {
    String prefix = "kling.accounts." + name;
    boolean isReal = isReal(account.baseUrl());
    kling(isReal, prefix + ".access-key", account.accessKey());
    kling(isReal, prefix + ".secret-key", account.secretKey());
    kling(isReal, prefix + ".api-key", account.apiKey());
    for (String secret : account.webhookSecrets().orElse(List.of())) {
      String key = prefix + ".webhook-secrets";
      if (webhookBytes(key, secret) > 0) {
        guessable(isReal, key, secret, 0);
      }
    }
  }

  private void root(String key, String secret) {
    if (isLong(key, secret)) {
      guessable(real, key, secret, 0);
    }
  }

  private boolean isLong(String key, String secret) {
    int bytes = secret.getBytes(StandardCharsets.UTF_8).length;
    if (bytes < Secrets.MIN_BYTES) {
      faults.add(key, "must have at least " + Secrets.MIN_BYTES + " bytes, has " + bytes);
      return false;
    }
    return true;
  }

  private void key(String key, String value) {
    int least = real ? MIN_REAL_KEY : MIN_KEY;
    if (value.length() < least && !(real && isExample(value))) {
      tooShort(key, value, least);
    } else {
      guessable(real, key, value, 0);
    }
  }

  /** Kling's own keys; what a simulator takes is not ours to judge. */
  private void kling(boolean isReal, String key, Optional<String> value) {
    value.ifPresent(given -> guessable(isReal, key, given, MIN_REAL_KEY));
  }

  private void firstWebhookSecret(String key, String secret) {
    int bytes = webhookBytes(key, secret);
    if (bytes > 0 && bytes < MIN_WEBHOOK_BYTES) {
      faults.add(key, "must have at least " + MIN_WEBHOOK_BYTES + " bytes, has " + bytes);
    } else if (bytes > 0) {
      guessable(real, key, secret, 0);
    }
  }

  /** How many bytes it has; 0, with a fault, when it is none. */
  private int webhookBytes(String key, String secret) {
    int bytes = 0;
    try {
      if (secret.startsWith(WEBHOOK_SECRET)) {
        bytes = Base64.getDecoder().decode(secret.substring(WEBHOOK_SECRET.length())).length;
      }
    } catch (IllegalArgumentException e) {
      // The fault below says what is expected.
    }
    if (bytes == 0) {
      faults.add(key, "must be whsec_ and base 64, separated by commas");
    }
    return bytes;
  }

  /** Nothing is looked for where no real Kling is. */
  private void guessable(boolean isReal, String key, String value, int least) {
    if (!isReal || example(key, value)) {
      return;
    }
    if (value.length() < least) {
      tooShort(key, value, least);
    } else if (value.chars().distinct().count() < MIN_DIFFERENT) {
      faults.add(key, "can be guessed; use a random value");
    }
  }

  private boolean example(String key, String value) {
    if (isExample(value)) {
      faults.add(
          key, "is an example that everybody knows; towards the real Kling set one of your own");
    }
    return isExample(value);
  }

  private void tooShort(String key, String value, int least) {
    faults.add(key, "must have at least " + least + " characters, has " + value.length());
  }
}
