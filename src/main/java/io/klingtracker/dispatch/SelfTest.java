package io.klingtracker.dispatch;

import io.klingtracker.kling.KlingBilling;
import io.klingtracker.kling.KlingBilling.Told;
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
    CompletableFuture<Told<List<Pack>>> asked =
        billing.packs(account, now.minus(PACKS_OF), now).toCompletableFuture();
    CompletableFuture<@Nullable Told<Boolean>> pair =
        both
            ? billing
                .pair(account)
                .<@Nullable Told<Boolean>>thenApply(told -> told)
                .toCompletableFuture()
            : CompletableFuture.completedFuture(null);
    Told<List<Pack>> packs = asked.join();
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
      KlingConfig.@Nullable Account settings, Told<?> told, Duration took) {
    String host = settings == null ? "" : String.valueOf(settings.baseUrl().getHost());
    return new Check(
        "reachability",
        told.status() != null,
        told.status() == null
            ? "no answer from " + host + ": " + told.reason()
            : host + " answers " + told.status() + " in " + took.toMillis() + " ms");
  }

  private static Check credentials(Told<List<Pack>> packs, @Nullable Told<Boolean> pair) {
    if (pair == null) {
      return new Check("credentials", isTaken(packs), verdict(packs));
    }
    return new Check(
        "credentials",
        isTaken(packs) && isTaken(pair),
        "api-key: " + verdict(packs) + "; access-key and secret-key: " + verdict(pair));
  }

  /** Kling refuses many things, but a credential by these codes alone. */
  private static boolean isTaken(Told<?> told) {
    Integer code = told.code();
    return code != null && (code < 1000 || code >= 1100);
  }

  private static String verdict(Told<?> told) {
    if (isTaken(told)) {
      return "taken";
    }
    return told.code() == null
        ? "not known: " + told.reason()
        : "refused: " + told.code() + " " + told.reason();
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

  private static Check packs(Told<List<Pack>> told) {
    List<Pack> packs = told.said();
    if (packs == null) {
      return new Check("pack", false, "Kling does not tell of packs: " + told.reason());
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
