package io.klingtracker.catalog;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Public model names and the names Kling knows them by. A mapping may lead to a name that is mapped
 * itself; a name mapped to itself ends the chain, which is how a model newer than our table is let
 * in.
 */
public final class ModelMapping {

  /** Characters of a model's name, public or Kling's. */
  public static final int MAX_NAME = 100;

  /** Every known name maps to itself and nothing is switched off. */
  public static final ModelMapping NONE = of(Map.of(), Set.of());

  /** In place of every model that is neither in a table nor the end of a mapping. */
  public static final String OTHER = "other";

  private final Map<String, String> configured;
  private final Map<String, String> origins;
  private final Map<String, String> resolved;
  private final Set<String> discontinued;

  private ModelMapping(
      Map<String, String> configured, Map<String, String> origins, Set<String> discontinued) {
    this.configured = Map.copyOf(configured);
    this.origins = Map.copyOf(origins);
    this.resolved = new TreeMap<>();
    for (String name : new TreeSet<>(configured.keySet())) {
      resolved.put(name, follow(name, configured));
    }
    this.discontinued = Set.copyOf(discontinued);
  }

  /**
   * A mapping with its chains resolved.
   *
   * @param mapping upstream name by public name
   * @param discontinued names that Kling has switched off
   * @throws IllegalArgumentException when the mapping leads back to where it began, naming the
   *     circle
   */
  public static ModelMapping of(Map<String, String> mapping, Set<String> discontinued) {
    return new ModelMapping(mapping, origins(mapping, "kling.models"), discontinued);
  }

  /**
   * This mapping with a tenant's own on top.
   *
   * @param origin where they come from, as {@link #origin} answers it
   * @throws IllegalArgumentException when the two together lead in a circle
   */
  public ModelMapping with(Map<String, String> overrides, String origin) {
    if (overrides.isEmpty()) {
      return this;
    }
    Map<String, String> both = new TreeMap<>(configured);
    both.putAll(overrides);
    Map<String, String> from = new TreeMap<>(origins);
    from.putAll(origins(overrides, origin));
    return new ModelMapping(both, from, discontinued);
  }

  private static Map<String, String> origins(Map<String, String> mapping, String origin) {
    Map<String, String> origins = new TreeMap<>();
    mapping.keySet().forEach(name -> origins.put(name, origin));
    return origins;
  }

  /** Where a public name's mapping comes from; empty when the name is not mapped. */
  Optional<String> origin(String name) {
    return Optional.ofNullable(origins.get(name));
  }

  /** The end of the chain that begins at a public name; empty when the name is not mapped. */
  public Optional<String> upstream(String name) {
    return Optional.ofNullable(resolved.get(name));
  }

  /**
   * The name by which slots, turns and labels of a model go: its own where we know it, else {@link
   * #OTHER}. Kinds without a table take any name, so the names in use have to be bounded here.
   */
  public String slotModel(@Nullable String upstream) {
    return upstream != null
            && (Catalog.current().knowsModel(upstream) || resolved.containsValue(upstream))
        ? upstream
        : OTHER;
  }

  /** Every name that {@link #slotModel} may answer. */
  public Set<String> slotModels() {
    Set<String> names = new TreeSet<>(Catalog.current().modelNames());
    names.addAll(resolved.values());
    names.add(OTHER);
    return names;
  }

  /** Public names that are mapped, sorted. */
  public Set<String> names() {
    return resolved.keySet();
  }

  /** Whether Kling has switched this model off. */
  public boolean isDiscontinued(String upstream) {
    return discontinued.contains(upstream);
  }

  private static String follow(String start, Map<String, String> mapping) {
    List<String> passed = new ArrayList<>(List.of(start));
    String name = start;
    while (true) {
      String next = mapping.get(name);
      if (next == null || next.equals(name)) {
        return name;
      }
      boolean circle = passed.contains(next);
      passed.add(next);
      if (circle) {
        throw new IllegalArgumentException(
            "kling.models."
                + start
                + ": the mapping leads in a circle, "
                + String.join(" -> ", passed)
                + "; take one of them out");
      }
      name = next;
    }
  }
}
