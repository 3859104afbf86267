package io.klingtracker.upstream;

import io.klingtracker.catalog.UnitPrice;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.task.AccountCurrencies;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Map;
import java.util.TreeMap;

/** The currency of an account by the host of Kling's that it is on, as the catalogue has it. */
@Singleton
public class HostCurrencies implements AccountCurrencies {

  private final Map<String, String> hosts = new TreeMap<>();

  @Inject
  HostCurrencies(KlingConfig kling) {
    kling
        .accounts()
        .forEach((name, account) -> hosts.put(name, String.valueOf(account.baseUrl().getHost())));
  }

  @Override
  public Map<String, String> byAccount() {
    Map<String, String> currencies = new TreeMap<>();
    hosts.forEach((account, host) -> currencies.put(account, UnitPrice.currencyOn(host)));
    return currencies;
  }
}
