package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigInteger;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** Bodies as they ought to be, made odd. */
final class Mangled {

  private static final Set<String> MESSAGES = Set.of("message", "task_status_msg");
  private static final Set<String> IDS = Set.of("task_id", "id");

  private Mangled() {}

  /** The body as a fault has it; as it was when the fault is none of these. */
  static String by(@Nullable Fault fault, String body) {
    if (fault instanceof Fault.ByteOrderMark) {
      return "\ufeff" + body;
    }
    BiFunction<String, JsonNode, JsonNode> change = change(fault);
    ObjectNode object = change == null ? null : Json.readObject(body).orElse(null);
    if (change == null || object == null) {
      return body;
    }
    apply(object, change);
    if (fault instanceof Fault.Nul) {
      object.put("note\u0000", "\u0000");
    }
    return Json.write(object);
  }

  private static @Nullable BiFunction<String, JsonNode, JsonNode> change(@Nullable Fault fault) {
    if (fault instanceof Fault.Nul) {
      return (name, value) -> MESSAGES.contains(name) ? text(value.asText() + "\u0000") : value;
    } else if (fault instanceof Fault.TextNumbers) {
      return (name, value) -> value.isNumber() ? text(value.asText()) : value;
    } else if (fault instanceof Fault.NumberIds) {
      return (name, value) ->
          IDS.contains(name) && value.asText().matches("[0-9]{1,30}")
              ? Json.MAPPER.getNodeFactory().numberNode(new BigInteger(value.asText()))
              : value;
    } else if (fault instanceof Fault.OddDeduction odd) {
      return (name, value) ->
          name.equals("final_unit_deduction") || name.equals("amount") ? text(odd.units()) : value;
    }
    return null;
  }

  private static JsonNode text(String value) {
    return Json.MAPPER.getNodeFactory().textNode(value);
  }

  private static void apply(JsonNode node, BiFunction<String, JsonNode, JsonNode> change) {
    if (node instanceof ObjectNode object) {
      for (Map.Entry<String, JsonNode> field : object.properties()) {
        if (field.getValue().isContainerNode()) {
          apply(field.getValue(), change);
        } else {
          field.setValue(change.apply(field.getKey(), field.getValue()));
        }
      }
    } else if (node instanceof ArrayNode array) {
      array.forEach(item -> apply(item, change));
    }
  }
}
