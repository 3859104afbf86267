package io.klingtracker.tenant;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.request.JsonFaults;
import io.klingtracker.request.Nearest;
import io.klingtracker.request.Parameters;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads a change of settings: what is given takes the place of what was before, field by field, and
 * the audit log records it.
 */
@Singleton
class SettingsChange {

  /** What is shown of a tenant or key and cannot be changed. */
  private static final Set<String> SHOWN_ONLY =
      Set.of("created_at", "deleting", "prefix", "access_key", "revoked_at", "last_used_at");

  /** Settings whose values the audit log records. */
  private static final Set<String> AUDITED =
      Set.of(
          "suspended",
          "scopes",
          "track_accounts",
          "rate",
          "burst",
          "expires_at",
          "max_queued",
          "units_per_day",
          "units_per_month",
          "amount_per_month",
          "weight");

  private final CurrentCaller caller;
  private final ObjectMapper json;

  @Inject
  SettingsChange(CurrentCaller caller, ObjectMapper json) {
    this.caller = caller;
    // Numbers digit by digit: what is left out must come out as it was.
    this.json =
        json.copy()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .setNodeFactory(JsonNodeFactory.withExactBigDecimals(true));
  }

  /**
   * What is given over what was before.
   *
   * @param id of the tenant or key, which cannot be changed
   * @throws io.klingtracker.problem.ProblemException when it cannot be read, or would take a limit
   *     away by leaving it out
   */
  <T> T merged(Class<T> type, T before, @Nullable String body, String id) {
    ObjectNode given = object(type, withoutMark(body));
    if (given.has("id") && !given.path("id").asText().equals(id)) {
      throw Parameters.invalid("id cannot be changed; it is " + Nearest.shown(id));
    }
    // Whoever changes what a GET has shown sends it all back.
    given.remove(SHOWN_ONLY);
    caller.audit("sets " + auditDetail(given));
    refuseWider(given);
    ObjectNode merged = json.valueToTree(before);
    merged.setAll(given);
    try {
      return json.treeToValue(merged, type);
    } catch (JsonProcessingException e) {
      throw Parameters.invalid(JsonFaults.describe(e));
    }
  }

  /** Values too, of settings that are no secret; the log bounds the line. */
  private static String auditDetail(ObjectNode given) {
    return given.properties().stream()
        .map(
            field ->
                AUDITED.contains(field.getKey())
                    ? field.getKey() + "=" + auditDetail(field.getValue())
                    : field.getKey())
        .collect(Collectors.joining(", "));
  }

  private static String auditDetail(JsonNode value) {
    return value.isTextual() ? value.textValue() : value.toString();
  }

  /** What is taken away must not give more: neither all scopes, nor the end of a suspension. */
  private static void refuseWider(ObjectNode given) {
    JsonNode scopes = given.get("scopes");
    if (scopes != null && (scopes.isNull() || scopes.isArray() && scopes.isEmpty())) {
      throw Parameters.invalid("scopes cannot be removed; give a list");
    }
    JsonNode suspended = given.get("suspended");
    if (suspended != null && suspended.isNull()) {
      throw Parameters.invalid("suspended cannot be removed; give true or false");
    }
    JsonNode name = given.get("name");
    if (name != null && name.isNull()) {
      throw Parameters.invalid("name cannot be removed; give text");
    }
  }

  /** Without the byte order mark that some editors put before a text. */
  private static String withoutMark(@Nullable String body) {
    return body == null ? "" : body.startsWith("\uFEFF") ? body.substring(1) : body;
  }

  private ObjectNode object(Class<?> type, String body) {
    try {
      // As what it is to become, which names the field whose value is none; a tree knows no types.
      ObjectReader lenient =
          json.readerFor(type).without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
      if (!body.isBlank()
          && lenient.readValue(body) != null
          && json.readTree(body) instanceof ObjectNode given) {
        return given;
      }
    } catch (JsonProcessingException e) {
      throw Parameters.invalid(JsonFaults.describe(e));
    } catch (NumberFormatException e) {
      // Only of a field that is none of the type's.
      throw Parameters.invalid("a number in the body has too large an exponent");
    }
    throw Parameters.invalid("send a JSON object with what is to be changed");
  }
}
