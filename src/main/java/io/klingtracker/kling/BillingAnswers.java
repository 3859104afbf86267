package io.klingtracker.kling;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.text.ForeignText;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads Kling's answers about packs and deductions; what cannot be read is left out. */
final class BillingAnswers {

  /** Of one account that are kept; Kling sells them by the month. */
  private static final int MAX_PACKS = 100;

  /** In bytes, of a pack's id, name and status. */
  private static final int MAX_WORD = 200;

  private BillingAnswers() {}

  /** The packs in an answer; null where it is none, as the second envelope says. */
  static @Nullable List<Pack> packs(JsonNode body) {
    JsonNode data = body.path("data");
    if (!data.isObject() || data.path("code").asInt(0) != 0) {
      return null;
    }
    List<Pack> packs = new ArrayList<>();
    for (JsonNode pack : data.path("resource_pack_subscribe_infos")) {
      String id = word(pack, "resource_pack_id");
      if (!id.isEmpty() && packs.size() < MAX_PACKS) {
        packs.add(
            new Pack(
                id,
                word(pack, "resource_pack_name"),
                word(pack, "status"),
                KlingReader.number(pack.get("total_quantity")),
                KlingReader.number(pack.get("remaining_quantity")),
                KlingReader.time(pack.get("effective_time")),
                KlingReader.time(pack.get("invalid_time"))));
      }
    }
    return packs;
  }

  /** A page of deductions; null where it is none. */
  static KlingBilling.@Nullable Page page(JsonNode body, KlingBilling.Ledger ledger) {
    JsonNode data = body.path("data");
    if (!data.isObject()) {
      return null;
    }
    List<Deduction> deductions = new ArrayList<>();
    for (JsonNode entry : data.path("result").path("detail")) {
      deduction(entry, ledger).ifPresent(deductions::add);
    }
    String next = data.path("next_cursor").asText("");
    return new KlingBilling.Page(
        deductions, data.path("has_more").asBoolean(false) && !next.isEmpty() ? next : null);
  }

  private static Optional<Deduction> deduction(JsonNode entry, KlingBilling.Ledger ledger) {
    String id = word(entry, "task_id");
    BigDecimal amount = KlingReader.number(entry.get("deduction_amount"));
    Instant at = KlingReader.time(entry.get("deduction_time"));
    if (id.isEmpty() || amount == null || at == null) {
      return Optional.empty();
    }
    return Optional.of(
        new Deduction(
            id,
            word(entry, "package_id"),
            ledger == KlingBilling.Ledger.UNITS
                ? Charge.ofUnits(amount)
                : new Charge(null, amount, KlingReader.currency(entry.path("currency").asText(""))),
            at));
  }

  private static String word(JsonNode object, String key) {
    return ForeignText.clean(object.path(key).asText(""), MAX_WORD);
  }
}
