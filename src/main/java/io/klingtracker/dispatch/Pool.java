package io.klingtracker.dispatch;

import java.util.List;

/**
 * What Kling counts slots for; with an empty model a whole family of an account, with an empty
 * family all of it.
 */
record Pool(String account, String family, String model) {

  static Pool all(String account) {
    return new Pool(account, "", "");
  }

  static Pool family(String account, String family) {
    return new Pool(account, family, "");
  }

  /** This pool and those that it is part of. */
  List<Pool> scopes() {
    return List.of(all(account), family(account, family), this);
  }
}
