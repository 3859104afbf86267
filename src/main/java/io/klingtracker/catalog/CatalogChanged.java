package io.klingtracker.catalog;

import java.util.List;

/**
 * Another catalogue is in use than before.
 *
 * @param before its version then
 * @param after its version now
 * @param state what {@link CatalogOverlay#state} is now
 * @param changes what the overlay changes now
 * @param gone places that it changed before, and that are as built in again
 */
public record CatalogChanged(
    String before, String after, String state, List<Catalog.Change> changes, List<String> gone) {}
