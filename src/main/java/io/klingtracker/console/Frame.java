package io.klingtracker.console;

import org.jspecify.annotations.Nullable;

/**
 * What every page has around it.
 *
 * @param title of the page
 * @param place its entry in the navigation
 * @param tenant whose pages they are; null while an administrator has chosen none
 * @param administrator whether the reader has an admin key
 * @param formToken for the forms of the page
 */
public record Frame(
    String title, String place, @Nullable String tenant, boolean administrator, String formToken) {

  /** A link that keeps the tenant whose pages an administrator looks at. */
  public String at(String path) {
    if (!administrator || tenant == null) {
      return path;
    }
    return path + (path.contains("?") ? "&" : "?") + "tenant=" + Shown.encoded(tenant);
  }

  /** Whether the page has this entry of the navigation. */
  public boolean here(String entry) {
    return place.equals(entry);
  }
}
