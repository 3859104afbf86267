package io.klingtracker.start;

import io.quarkus.runtime.configuration.AbstractConfigBuilder;
import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.List;

/**
 * Quarkus' own settings, read as Quarkus is about to read them: a value that it cannot read would
 * end the start later, with a trace.
 */
final class QuarkusSettings {

  /** All mappings of this build, for the two steps in which Quarkus reads them. */
  private static final List<String> GENERATED =
      List.of(
          "io.quarkus.runtime.generated.StaticInitConfig",
          "io.quarkus.runtime.generated.RunTimeConfig");

  private QuarkusSettings() {}

  /** Adds what cannot be read, also of ours, which {@link StartupCheck} says in the same words. */
  static void check(Faults faults) {
    GENERATED.stream()
        .filter(QuarkusSettings::isThere)
        .forEach(generated -> check(generated, faults));
  }

  /** Started from an IDE, Quarkus makes them later, in a class loader of its own. */
  private static boolean isThere(String name) {
    try {
      Class.forName(name, false, Thread.currentThread().getContextClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static void check(String generated, Faults faults) {
    SmallRyeConfigBuilder builder = new SmallRyeConfigBuilder();
    AbstractConfigBuilder.withCustomizer(builder, generated);
    try {
      builder.build();
    } catch (ConfigValidationException e) {
      for (int i = 0; i < e.getProblemCount(); i++) {
        faults.add(e.getProblem(i).getMessage());
      }
    }
  }
}
