package io.klingtracker.dispatch;

import io.klingtracker.kling.KlingBilling;
import io.klingtracker.kling.KlingBilling.Reply;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.Pack;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.upstream.SelfTests.Check;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Whether an account would work: asks Kling what costs nothing and changes nothing. */
@Singleton
class SelfTest {

  /** Kling's answers about packs reach so far back. */
  private static final Duration PACKS_OF = Duration.ofDays(365);

  /** A JWT of ours is good from five seconds before it is made; Kling's Date has no fractions. */
  private static final Duration MOST_AHEAD = Duration.ofSeconds(5);

  /** Callbacks that are signed more than five minutes ago are refused. */
  private static final Duration MOST_BEHIND = Duration.ofMinutes(5);

  private final KlingBilling billing;
  private final KlingConfig kling;
  private final Clock clock;

  @Inject
  SelfTest(KlingBilling billing, KlingConfig kling, Clock clock) {
    this.billing = billing;
    this.kling = kling;
    this.clock = clock;
  }

  /** Looks at a configured account; as long as Kling takes for its answers. */
  List<Check> run(String account) {
    Instant now = clock.instant();
    KlingConfig.Account settings = kling.accounts().get(account);
    boolean both =
        settings != null && settings.apiKey().isPresent() && settings.accessKey().isPresent();
    CompletableFuture<Reply<List<Pack>>> asked =
        billing.packs(account, now.minus(PACKS_OF), now).toCompletableFuture();
    CompletableFuture<@Nullable Reply<Boolean>> pair =
        both
            ? billing
                .pair(account)
                .<@Nullable Reply<Boolean>>thenApply(reply -> reply)
                .toCompletableFuture()
            : CompletableFuture.completedFuture(null);
    Reply<List<Pack>> packs = asked.join();
    Instant answered = clock.instant();
    List<Check> checks = new ArrayList<>();
    checks.add(reachability(settings, packs, Duration.between(now, answered)));
    if (packs.status() != null) {
      checks.add(credentials(packs, pair.join()));
      checks.add(clock(packs.date(), answered));
      checks.add(packs(packs));
    }
    return checks;
  }

  private static Check reachability(
      KlingConfig.@Nullable Account settings, Reply<?> reply, Duration took) {
    String host = settings == null ? "" : String.valueOf(settings.baseUrl().getHost());
    return new Check(
        "reachability",
        reply.status() != null,
        reply.status() == null
            ? "no answer from " + host + ": " + reply.reason()
            : host + " answers " + reply.status() + " in " + took.toMillis() + " ms");
  }

  private static Check credentials(Reply<List<Pack>> packs, @Nullable Reply<Boolean> pair) {
    if (pair == null) {
      return new Check("credentials", isTaken(packs), verdict(packs));
    }
    return new Check(
        "credentials",
        isTaken(packs) && isTaken(pair),
        "api-key: " + verdict(packs) + "; access-key and secret-key: " + verdict(pair));
  }

  /** Kling refuses many things, but a credential by these codes alone. */
  private static boolean isTaken(Reply<?> reply) {
    Integer code = reply.code();
    return code != null && (code < 1000 || code >= 1100);
  }

  private static String verdict(Reply<?> reply) {
    if (isTaken(reply)) {
      return "taken";
    }
    return reply.code() == null
        ? "not known: " + reply.reason()
        : "refused: " + reply.code() + " " + reply.reason();
  }

  private static Check clock(@Nullable Instant kling, Instant now) {
    if (kling == null) {
      return new Check("clock", true, "Kling's answer has no Date to compare with");
    }
    Duration ahead = Duration.between(kling, now);
    boolean ok = ahead.compareTo(MOST_AHEAD) <= 0 && ahead.negated().compareTo(MOST_BEHIND) <= 0;
    return new Check(
        "clock",
        ok,
        "ours is %s s %s Kling's%s"
            .formatted(
                ahead.abs().toSeconds(),
                ahead.isNegative() ? "behind" : "ahead of",
                ok ? "" : "; set this machine's clock"));
  }

  private static Check packs(Reply<List<Pack>> reply) {
    List<Pack> packs = reply.value();
    if (packs == null) {
      return new Check("pack", false, "packs cannot be read: " + reply.reason());
    }
    List<Pack> online = packs.stream().filter(Pack::isOnline).toList();
    if (packs.isEmpty()) {
      return new Check("pack", true, "none; the account pays in money");
    }
    boolean left =
        online.stream()
            .map(Pack::remaining)
            .anyMatch(units -> units == null || units.compareTo(BigDecimal.ZERO) > 0);
    return new Check(
        "pack",
        left,
        online.isEmpty()
            ? "none of " + packs.size() + " packs is valid now"
            : online.stream().map(SelfTest::shown).collect(Collectors.joining("; ")));
  }

  private static String shown(Pack pack) {
    return "%s: %s of %s units%s"
        .formatted(
            pack.name(),
            pack.remaining() == null ? "?" : pack.remaining().toPlainString(),
            pack.total() == null ? "?" : pack.total().toPlainString(),
            pack.endsAt() == null ? "" : " until " + Rfc3339.format(pack.endsAt()));
  }
}
