package io.klingtracker.catalog;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What one of Kling's units costs by its list, before any discount of a pack: units are counted as
 * money with it, until Kling says what it took and in place of what it took in units.
 *
 * @param unit the price of one
 * @param listCurrency of the list, as ISO 4217 has it
 * @param hosts the currency of accounts by Kling's host, where it is another than the list's
 */
public record UnitPrice(BigDecimal unit, String listCurrency, Map<String, String> hosts) {

  /** Reads {@code {unit: 0.14, currency: USD, hosts: {api-beijing.klingai.com: CNY}}}. */
  static UnitPrice read(CatalogNode line) {
    line.members(List.of("unit", "currency", "hosts"));
    Map<String, String> hosts = new TreeMap<>();
    line.get("hosts", CatalogNode::members, Map.<String, CatalogNode>of())
        .forEach(
            (host, currency) -> {
              if (!host.matches("[a-z0-9.-]+")) {
                throw currency.fault("must be of a host such as api-beijing.klingai.com");
              }
              hosts.put(host, currency(currency));
            });
    return new UnitPrice(
        line.need("unit").amount(), currency(line.need("currency")), Map.copyOf(hosts));
  }

  private static String currency(CatalogNode line) {
    if (!line.text().matches("[A-Z]{3}")) {
      throw line.fault("must be a currency such as USD, is '%s'".formatted(line.text()));
    }
    return line.text();
  }

  /** The price of one unit. */
  public static BigDecimal one() {
    return Catalog.current().unitPrice().unit;
  }

  /** The currency of the list. */
  public static String currency() {
    return Catalog.current().unitPrice().listCurrency;
  }

  /**
   * The currency of amounts of which Kling names none.
   *
   * @param host Kling's for the account; null for one that is not known
   */
  public static String currencyOn(@Nullable String host) {
    UnitPrice price = Catalog.current().unitPrice();
    return host == null ? price.listCurrency : price.hosts.getOrDefault(host, price.listCurrency);
  }

  /** The price of so many. */
  public static BigDecimal of(BigDecimal units) {
    BigDecimal amount = units.multiply(one()).stripTrailingZeros();
    return amount.scale() < 0 ? amount.setScale(0) : amount;
  }
}
