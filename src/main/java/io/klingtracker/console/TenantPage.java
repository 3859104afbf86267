package io.klingtracker.console;

import java.util.List;

/**
 * The tenants, of which an administrator chooses one.
 *
 * @param back the page that is shown for it then
 */
public record TenantPage(List<Choice> tenants, String back) {

  /** A tenant and the link to its pages. */
  public record Choice(String id, String name, String path) {}
}
