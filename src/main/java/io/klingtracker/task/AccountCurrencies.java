package io.klingtracker.task;

import io.klingtracker.catalog.UnitPrice;
import java.util.Map;

/** In which currency Kling takes money of which account, where its answers name none. */
@FunctionalInterface
public interface AccountCurrencies {

  /** By account; one that is not there pays in the currency of the price list. */
  Map<String, String> byAccount();

  /** Of one account. */
  default String of(String account) {
    return byAccount().getOrDefault(account, UnitPrice.currency());
  }
}
