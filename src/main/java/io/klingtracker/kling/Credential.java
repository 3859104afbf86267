package io.klingtracker.kling;

/** What an account shows to Kling. Each is taken or not for itself. */
public enum Credential {
  /** Sent as it is; on every path of an account without a pair, else on the newer ones. */
  API_KEY,
  /** Access and secret key, of which a JWT is made. */
  KEY_PAIR;

  /** For people. */
  public String label() {
    return this == API_KEY ? "API key" : "access and secret key";
  }
}
