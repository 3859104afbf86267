package io.klingtracker.klingapi;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.Family;
import io.klingtracker.catalog.Kind;
import io.klingtracker.task.Task;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A task as the newer generation shows it, whichever way it was made. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record NewerTask(
    String id,
    String status,
    @Nullable String message,
    long createTime,
    long updateTime,
    @Nullable String externalId,
    @Nullable ArrayNode outputs,
    @Nullable List<Map<String, String>> billing) {

  /** As the create answers. */
  static NewerTask created(String taskId, @Nullable String externalTaskId, Instant createdAt) {
    long at = createdAt.toEpochMilli();
    return new NewerTask(taskId, "submitted", null, at, at, externalTaskId, null, null);
  }

  /** As a query answers. */
  static NewerTask of(Task task, ObjectMapper json) {
    String message = task.statusMessage();
    return new NewerTask(
        task.id(),
        word(task.status().klingWord()),
        message == null ? "" : message,
        task.createdAt().toEpochMilli(),
        task.updatedAt().toEpochMilli(),
        task.externalTaskId(),
        outputs(task.result(), json),
        billing(task));
  }

  /** The newer generation's word for one of the legacy's. */
  static String word(String legacy) {
    return legacy.equals("succeed") ? "succeeded" : legacy;
  }

  /** The arrays of a result as one list; the array's name, less its s, is the type. */
  private static ArrayNode outputs(@Nullable String result, ObjectMapper json) {
    ArrayNode outputs = json.createArrayNode();
    if (result == null) {
      return outputs;
    }
    try {
      for (Map.Entry<String, JsonNode> array : json.readTree(result).properties()) {
        String type = array.getKey().replaceAll("s$", "");
        for (JsonNode item : array.getValue()) {
          if (item.isObject()) {
            ObjectNode output = json.createObjectNode().put("type", type);
            output.setAll((ObjectNode) item);
            outputs.add(output);
          }
        }
      }
      return outputs;
    } catch (IOException e) {
      throw new IllegalStateException("results are stored as JSON", e);
    }
  }

  private static @Nullable List<Map<String, String>> billing(Task task) {
    List<Map<String, String>> billing = new ArrayList<>();
    BigDecimal units = task.units();
    if (units != null) {
      String family =
          Catalog.current().ofSent(task.kind()).map(Kind::family).orElse(Family.VIDEO).wireName();
      billing.add(
          Map.of("charge_type", "unit", "amount", units.toPlainString(), "package_type", family));
    }
    BigDecimal amount = task.amount();
    if (amount != null) {
      billing.add(
          Map.of(
              "charge_type",
              "cash",
              "amount",
              amount.toPlainString(),
              "currency",
              Objects.requireNonNullElse(task.currency(), "")));
    }
    return billing.isEmpty() ? null : billing;
  }
}
