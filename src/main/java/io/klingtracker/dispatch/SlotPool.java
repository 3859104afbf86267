package io.klingtracker.dispatch;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.kling.Credential;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What Kling counts slots for; with an empty model a whole family of an account, with an empty
 * family all of it. What is sent with one of an account's two credentials is beside the families:
 * each of them is taken or not for itself.
 */
record SlotPool(String account, String family, String model) {

  /** Before the name of a credential in place of a family; no family has a slash in it. */
  private static final String CREDENTIAL = "credential/";

  static SlotPool all(String account) {
    return new SlotPool(account, "", "");
  }

  static SlotPool family(String account, String family) {
    return new SlotPool(account, family, "");
  }

  /** All that an account that has both sends with one of its credentials. */
  static SlotPool credential(String account, Credential credential) {
    return new SlotPool(account, CREDENTIAL + credential.name(), "");
  }

  /** Which credential's it is; empty for a pool of slots. */
  Optional<Credential> ofCredential() {
    return Arrays.stream(Credential.values())
        .filter(credential -> family.equals(CREDENTIAL + credential.name()))
        .findAny();
  }

  /** This pool and those that it is part of. */
  List<SlotPool> scopes() {
    List<SlotPool> scopes = new ArrayList<>(List.of(all(account), family(account, family), this));
    // As KlingToken has it: the newer generation takes API keys only. Of a model that no row of the
    // catalogue has, nobody knows which is sent: it waits for itself alone.
    Catalog.current()
        .isApiKeyOnly(model)
        .map(only -> only ? Credential.API_KEY : Credential.KEY_PAIR)
        .or(
            () ->
                model.equals(ModelMapping.OTHER)
                    ? Optional.of(Credential.KEY_PAIR)
                    : Optional.empty())
        .ifPresent(sent -> scopes.add(1, credential(account, sent)));
    return scopes;
  }
}
