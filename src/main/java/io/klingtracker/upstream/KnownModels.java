package io.klingtracker.upstream;

import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.kling.KlingConfig;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The model names that may be keys of what is kept and shown: those of the tables and those that
 * the configuration maps to. A tenant's own mapping, which administrators set, adds names to its
 * slots alone.
 */
@Singleton
public class KnownModels {

  private final ModelMapping mapping;

  @Inject
  public KnownModels(KlingConfig config) {
    Map<String, String> ends = new HashMap<>();
    // A mapping's chain may pass through any of its names; each of them maps to itself here.
    config.models().values().forEach(name -> ends.put(name, name));
    mapping = ModelMapping.of(ends, Set.copyOf(config.discontinuedModels().orElse(List.of())));
  }

  /** The name itself where it is known, else {@link ModelMapping#OTHER}. */
  public String of(@Nullable String upstreamModel) {
    return mapping.slotModel(upstreamModel);
  }

  /** Whether the configuration says that Kling has switched a model off. */
  public boolean isDiscontinued(@Nullable String upstreamModel) {
    return upstreamModel != null && mapping.isDiscontinued(upstreamModel);
  }

  /** Every name that {@link #of} may answer. */
  public Set<String> all() {
    return mapping.slotModels();
  }
}
