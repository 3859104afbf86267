package io.klingtracker.simulator;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All kinds of faults, read from {@link Fault}: nothing is listed by hand. */
final class FaultKinds {

  /**
   * A kind.
   *
   * @param type its name on the control port
   * @param on what it can strike
   * @param parameters what it takes, in order
   * @param says what happens
   */
  record Kind(
      String type,
      Class<?> fault,
      List<Operation> on,
      Map<String, Orders.Field> parameters,
      String says) {}

  private static final Map<Class<?>, Kind> KINDS = kinds();

  private FaultKinds() {}

  static List<Kind> all() {
    return List.copyOf(KINDS.values());
  }

  static Kind of(Fault fault) {
    return known(KINDS.get(fault.getClass()), fault.getClass().getSimpleName());
  }

  static Kind of(String type) {
    return known(
        KINDS.values().stream().filter(kind -> kind.type().equals(type)).findFirst().orElse(null),
        type);
  }

  private static Kind known(@Nullable Kind kind, String name) {
    if (kind == null) {
      throw new IllegalArgumentException(
          "fault.type " + name + " is not known; GET / lists all there are");
    }
    return kind;
  }

  private static Map<Class<?>, Kind> kinds() {
    Map<Class<?>, Kind> kinds = new LinkedHashMap<>();
    for (JsonSubTypes.Type type : Fault.class.getAnnotation(JsonSubTypes.class).value()) {
      Strikes strikes = type.value().getAnnotation(Strikes.class);
      Map<String, Orders.Field> parameters = new LinkedHashMap<>();
      Stream.of(type.value().getRecordComponents())
          .forEach(component -> parameters.put(component.getName(), field(component)));
      kinds.put(
          type.value(),
          new Kind(
              type.name(), type.value(), Arrays.asList(strikes.on()), parameters, strikes.says()));
    }
    return kinds;
  }

  private static Orders.Field field(RecordComponent component) {
    Class<?> type = component.getType();
    return new Orders.Field(
        type == String.class
            ? Orders.Type.TEXT
            : type == double.class ? Orders.Type.NUMBER : Orders.Type.WHOLE_NUMBER,
        !component.getAnnotatedType().isAnnotationPresent(Nullable.class));
  }
}
