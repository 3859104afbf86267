package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.KlingBilling;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.Pack;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.upstream.SelfTests.Check;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a self-test makes of Kling's answers. */
class SelfTestTest {

  private static final Instant NOW = Instant.parse("2026-11-30T12:00:00.400Z");

  private KlingBilling.Reply<List<Pack>> packs = reply(200, 0, "SUCCEED", NOW, List.of(pack("5")));
  private KlingBilling.Reply<Boolean> pair = reply(200, 0, "SUCCEED", NOW, true);

  private final class Scripted implements KlingBilling {
    @Override
    public CompletionStage<Reply<List<Pack>>> packs(String account, Instant from, Instant to) {
      return CompletableFuture.completedFuture(packs);
    }

    @Override
    public CompletionStage<Reply<Boolean>> pair(String account) {
      return CompletableFuture.completedFuture(pair);
    }

    @Override
    public CompletionStage<Reply<Page>> deductions(
        String account, Ledger ledger, Instant from, Instant to, @Nullable String after) {
      throw new AssertionError("it asks for no more than it needs");
    }
  }

  @Test
  void an_account_that_works_is_told_so_in_words() {
    assertEquals(
        Map.of(
            "reachability", "true: kling.example.com answers 200 in 0 ms",
            "credentials", "true: api-key: taken; access-key and secret-key: taken",
            "clock", "true: ours is 0 s ahead of Kling's",
            "pack", "true: Small: 5 of 100 units until 2026-12-01T00:00:00.000Z"),
        checks());
  }

  @Test
  void one_that_is_not_reached_tells_no_more_than_that() {
    packs = reply(null, null, "connection refused", null, null);

    assertEquals(
        Map.of("reachability", "false: no answer from kling.example.com: connection refused"),
        checks());
  }

  @Test
  void each_credential_is_looked_at_by_itself() {
    pair = reply(401, 1000, "Authentication failed", NOW, null);
    assertEquals(
        "false: api-key: taken; access-key and secret-key: refused: 1000 Authentication failed",
        checks().get("credentials"));

    pair = reply(200, 0, "SUCCEED", NOW, true);
    packs = reply(401, 1002, "api key not found", NOW, null);
    assertEquals(
        "false: api-key: refused: 1002 api key not found; access-key and secret-key: taken",
        checks().get("credentials"));
    assertTrue(checks().get("pack").startsWith("false: packs cannot be read"));

    // A gateway's page says nothing about a credential.
    packs = reply(502, null, "HTTP 502 and no words of Kling's", null, null);
    assertTrue(
        checks().get("credentials").startsWith("false: api-key: not known: HTTP 502"),
        checks().toString());
  }

  @ParameterizedTest
  @CsvSource({
    "2026-11-30T12:00:00Z, true: ours is 0 s ahead of Kling's",
    "2026-11-30T11:59:56Z, true: ours is 4 s ahead of Kling's",
    "2026-11-30T11:59:50Z, false: ours is 10 s ahead of Kling's; set this machine's clock",
    "2026-11-30T12:04:00Z, true: ours is 239 s behind Kling's",
    "2026-11-30T12:10:00Z, false: ours is 599 s behind Kling's; set this machine's clock",
  })
  void a_clock_may_be_as_wrong_as_tokens_and_signatures_let_it(Instant kling, String expected) {
    packs = reply(200, 0, "SUCCEED", kling, List.of(pack("5")));

    assertEquals(expected, checks().get("clock"));
  }

  @Test
  void a_pack_must_be_valid_and_have_units_left() {
    packs = reply(200, 0, "SUCCEED", NOW, List.of(pack("0")));
    assertTrue(checks().get("pack").startsWith("false: Small: 0 of 100 units"));

    packs = reply(200, 0, "SUCCEED", NOW, List.of(pack("0"), pack("0.5")));
    assertTrue(checks().get("pack").startsWith("true: "));

    Pack over = new Pack("1", "Small", "expired", BigDecimal.TEN, BigDecimal.ONE, null, null);
    packs = reply(200, 0, "SUCCEED", NOW, List.of(over));
    assertEquals("false: none of 1 packs is valid now", checks().get("pack"));

    packs = reply(200, 0, "SUCCEED", NOW, List.of());
    assertEquals("true: none; the account pays in money", checks().get("pack"));
  }

  private Map<String, String> checks() {
    KlingConfig config =
        Settings.of(
            KlingConfig.class,
            Map.of(
                "kling.accounts.default.base-url", "https://kling.example.com",
                "kling.accounts.default.access-key", "a",
                "kling.accounts.default.secret-key", "s",
                "kling.accounts.default.api-key", "k"));
    return new SelfTest(new Scripted(), config, new TestClock(NOW))
        .run("default").stream()
            .collect(Collectors.toMap(Check::name, check -> check.ok() + ": " + check.detail()));
  }

  private static Pack pack(String remaining) {
    return new Pack(
        "7",
        "Small",
        "online",
        new BigDecimal("100"),
        new BigDecimal(remaining),
        null,
        Instant.parse("2026-12-01T00:00:00Z"));
  }

  private static <T> KlingBilling.Reply<T> reply(
      @Nullable Integer status,
      @Nullable Integer code,
      String reason,
      @Nullable Instant date,
      @Nullable T value) {
    return new KlingBilling.Reply<>(status, code, reason, date, value);
  }
}
