package io.klingtracker.catalog;

import java.util.List;

/**
 * Another catalogue is in use than before.
 *
 * @param before its version then
 * @param after its version now
 * @param changes what the overlay changes now
 */
public record CatalogChanged(String before, String after, List<Catalog.Change> changes) {}
