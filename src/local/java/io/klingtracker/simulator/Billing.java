package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What Kling tells of an account itself: its pack, and what was taken from it for which task. */
final class Billing {

  private static final String COSTS = "/account/costs";
  private static final String PACKAGE = "/account/billing/package";
  private static final Set<String> PATHS = Set.of(COSTS, PACKAGE, "/account/billing/balance");
  private static final BigDecimal WITHOUT_END = BigDecimal.valueOf(1_000_000);
  private static final long MONTH_MILLIS = 30L * 24 * 60 * 60 * 1000;
  private static final int MAX_LIMIT = 500;

  private final SimulatorSettings settings;
  private final TaskBook book;
  private final long begin;

  Billing(SimulatorSettings settings, TaskBook book) {
    this.settings = settings;
    this.book = book;
    this.begin = settings.clock.millis();
  }

  static boolean is(String path) {
    return PATHS.contains(path);
  }

  /** The data of an answer. */
  ObjectNode answer(KlingRoutes.Call call, String account) {
    boolean get = call.request().method().name().equals("GET");
    if (get != call.path().equals(COSTS)) {
      throw new Refusal(404, 1202, "The requested method is invalid for this resource");
    }
    if (get) {
      number(call.request().getParam("start_time"), "start_time");
      number(call.request().getParam("end_time"), "end_time");
      return packs(account);
    }
    ObjectNode body = call.body();
    if (body == null) {
      throw new Refusal(400, 1200, "Request body is invalid");
    }
    return deductions(body, account, call.path().equals(PACKAGE));
  }

  private static long number(String value, String name) {
    if (value == null || !value.matches("[0-9]{1,15}")) {
      throw Refusal.invalid(name + " is required");
    }
    return Long.parseLong(value);
  }

  /** In the second envelope that the real one has. */
  private ObjectNode packs(String account) {
    Double balance = settings.balance;
    BigDecimal total = balance == null ? WITHOUT_END : BigDecimal.valueOf(balance);
    BigDecimal left = total.subtract(book.spent(account)).max(BigDecimal.ZERO);
    ObjectNode data = Json.object().put("code", 0).put("msg", "success");
    data.putArray("resource_pack_subscribe_infos")
        .addObject()
        .put(
            "resource_pack_name",
            "Trial-Video-%sUnits-5Con-1Months".formatted(total.toBigInteger()))
        .put("resource_pack_id", "pack-" + account)
        .put("resource_pack_type", "decreasing_total")
        .put("total_quantity", total.doubleValue())
        .put("remaining_quantity", left.doubleValue())
        .put("purchase_time", begin)
        .put("effective_time", begin)
        .put("invalid_time", begin + MONTH_MILLIS)
        .put("status", left.signum() == 0 ? "runOut" : "online");
    return data;
  }

  /** The cursor is the place in the list, and the times of the first request. */
  private ObjectNode deductions(ObjectNode body, String account, boolean units) {
    String[] cursor = body.path("cursor").asText("").split("-");
    boolean first = cursor.length != 4;
    if (first && !(body.has("start_time") && body.has("end_time"))) {
      throw Refusal.invalid("start_time and end_time are required");
    }
    long start = first ? body.path("start_time").asLong() : Long.parseLong(cursor[0]);
    long end = first ? body.path("end_time").asLong() : Long.parseLong(cursor[1]);
    int limit =
        first
            ? Math.max(1, Math.min(body.path("limit").asInt(MAX_LIMIT), MAX_LIMIT))
            : Integer.parseInt(cursor[2]);
    int from = first ? 0 : Integer.parseInt(cursor[3]);
    SimulatorSettings.Cash cash = settings.cash;
    List<SimulatedTask> all =
        units == (cash == null)
            ? book.between(account, start, end).stream()
                .filter(task -> task.isFinal() && isTaken(task))
                .toList()
            : List.of();
    int to = Math.min(all.size(), from + limit);
    ObjectNode data = Json.object();
    ObjectNode result = data.putObject("result");
    ArrayNode detail = result.putArray("detail");
    all.subList(Math.min(from, to), to).forEach(task -> detail.add(deduction(task, account, cash)));
    result.put("count", detail.size());
    boolean more = to < all.size();
    data.put("next_cursor", more ? start + "-" + end + "-" + limit + "-" + to : "");
    data.put("has_more", more);
    return data;
  }

  private boolean isTaken(SimulatedTask task) {
    return task.order.units().signum() > 0
        && !(task.status.equals("failed") && settings.refundsFailed);
  }

  private static ObjectNode deduction(
      SimulatedTask task, String account, SimulatorSettings.@Nullable Cash cash) {
    BigDecimal units = task.order.units();
    ObjectNode entry = Json.object();
    if (cash == null) {
      entry.put("package_id", "pack-" + account);
    }
    return entry
        .put("product_type", task.order.product().family().name().toLowerCase(Locale.ROOT))
        .put("task_id", task.order.id())
        .put("deduction_time", Long.toString(task.updatedAt))
        .put("deduction_amount", (cash == null ? units : cash.of(units)).doubleValue());
  }
}
