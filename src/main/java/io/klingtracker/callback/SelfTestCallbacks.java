package io.klingtracker.callback;

import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingReader;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.text.ForeignText;
import io.klingtracker.upstream.SelfTests;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Takes the test callbacks of Kling's console, and shows the operator what they were like. */
@Singleton
class SelfTestCallbacks {

  /** In bytes; of a body that is shown. */
  private static final int MAX_BODY = 1500;

  private final SelfTests tests;
  private final Clock clock;
  private final Map<String, KlingSignature> signatures;

  @Inject
  SelfTestCallbacks(SelfTests tests, KlingConfig kling, Clock clock) {
    this.tests = tests;
    this.clock = clock;
    this.signatures = KlingSignature.of(kling);
  }

  /**
   * Takes one whose token is right; durable when this returns.
   *
   * @throws ProblemException when its signature is not
   */
  void receive(String account, CallbackHeaders headers, byte[] body) {
    Instant now = clock.instant();
    KlingSignature signature = signatures.get(account);
    boolean forged =
        signature != null
            && !signature.proves(headers.id(), headers.timestamp(), headers.signature(), body, now);
    boolean readable = KlingReader.callback(body).isPresent();
    tests.received(
        account,
        now,
        !forged && readable,
        "its signature is "
            + verdict(signature, headers, forged)
            + (readable ? "" : "; not JSON, or no task in it")
            + "; "
            + ForeignText.clean(new String(body, StandardCharsets.UTF_8), MAX_BODY));
    if (forged) {
      throw new ProblemException(
          ErrorCode.AUTHORIZATION_INVALID, "the signature is missing, wrong or too old");
    }
  }

  private static String verdict(
      @Nullable KlingSignature signature, CallbackHeaders headers, boolean forged) {
    if (signature == null) {
      return headers.signature() == null
          ? "not there, and not asked for"
          : "not checked: the account has no webhook-secrets";
    }
    return forged ? headers.signature() == null ? "missing" : "wrong, or too old" : "right";
  }
}
