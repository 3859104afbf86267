package io.klingtracker.egress;

import java.util.Locale;

/** Why an attempt failed, as the attempt log, the API and the metrics name it. */
public enum Failure {
  /** The receiver answered, but not with 2xx. */
  STATUS,
  /** The URL broke a rule that no retry mends. */
  URL_REFUSED,
  /** The host led to an address that we do not call. */
  ADDRESS_REFUSED,
  /** The host has no address. */
  DNS,
  /** Nobody took the connection. */
  CONNECT,
  /** No TLS connection with the named host came about. */
  TLS,
  /** Not done in time. */
  TIMEOUT,
  /** The connection broke before the answer was there. */
  RESET,
  /** What came back is not HTTP. */
  PROTOCOL,
  /** We could not make the request. */
  INTERNAL;

  /** The word outside, e.g. {@code address-refused}. */
  public String wireName() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
