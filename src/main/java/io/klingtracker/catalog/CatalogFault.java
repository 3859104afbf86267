package io.klingtracker.catalog;

/**
 * A catalogue that cannot be used; the message is one line that names file, line, place and rule.
 */
public final class CatalogFault extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  CatalogFault(String message) {
    // What a file holds may hold line ends.
    super(message.replaceAll("[\\p{Cntrl}\\u2028\\u2029]+", " "));
  }
}
